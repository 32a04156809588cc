-- Why: an author who is no longer crowded leaves the crowd again, after a job has written the pulled posts into the followers'
-- timelines. Locks: authors while it is read once, some hundred milliseconds a million. Old code: runs on it and reads 'demoted'
-- as it should (new posts are pushed, the author is in crowd), but its rebuilds and backfills leave pulled posts out; all
-- processes must be new before an author has been demoted for a day.
ALTER TABLE authors DROP CONSTRAINT authors_route_check;
--> statement-breakpoint
ALTER TABLE authors ADD CONSTRAINT authors_route_check CHECK (route IN ('push', 'announced', 'pull', 'demoted')) NOT VALID;
--> statement-breakpoint
ALTER TABLE authors VALIDATE CONSTRAINT authors_route_check;
--> statement-breakpoint
-- The authors with route 'demoted': how far the copy of their pulled posts has come.
CREATE TABLE demotions (
  author_id bigint PRIMARY KEY,
  after_viewer bigint NOT NULL DEFAULT 0, -- followers up to this one have their copies
  copied_at timestamptz -- since when all have
);
--> statement-breakpoint
-- Popular posts, best first by score; more than are shown, so that one that goes makes room for the next.
CREATE TABLE popular_posts (
  post_id bigint PRIMARY KEY,
  score double precision NOT NULL
);
--> statement-breakpoint
-- One row for the world: the truth version of pop.
CREATE TABLE popular_version (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  version bigint NOT NULL DEFAULT 1,
  computed_at timestamptz NOT NULL DEFAULT '-infinity'
);
--> statement-breakpoint
INSERT INTO popular_version DEFAULT VALUES;
