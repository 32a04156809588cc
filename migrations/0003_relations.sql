-- Why: private accounts, followers-only posts, mutes, blocks, follow requests, suspension, likes. Locks: the reposts that stand are counted first,
-- which reads all posts and locks nobody out. Then users, viewers and posts are locked to add columns with constant defaults, for a moment, but
-- all pending migrations are one transaction: until the last of them is done, so see 0006. The new check on posts is added NOT VALID and holds for
-- what is written from now on (all older rows passed the narrower one). Old code: runs on it, knows none of this, treats everything as public and
-- does not count reposts (those it writes after this are missing from the counts), so move the worker first, then the origin.
-- Counted in 16 slots, so that many may like one post at a time. Counts and truth version of co: are the sums.
CREATE TABLE post_counts (
  post_id bigint NOT NULL,
  slot smallint NOT NULL CHECK (slot BETWEEN 0 AND 15),
  likes bigint NOT NULL DEFAULT 0,
  reposts bigint NOT NULL DEFAULT 0,
  version bigint NOT NULL DEFAULT 1,
  PRIMARY KEY (post_id, slot)
) WITH (fillfactor = 70);
--> statement-breakpoint
INSERT INTO post_counts (post_id, slot, reposts) SELECT root_id, 0, count(*) FROM posts WHERE root_id IS NOT NULL AND deleted_at IS NULL GROUP BY root_id;
--> statement-breakpoint
ALTER TABLE users
  ADD COLUMN private boolean NOT NULL DEFAULT false,
  ADD COLUMN suspended_at timestamptz,
  ADD COLUMN visibility_version bigint NOT NULL DEFAULT 0, -- raised with private, suspended_at and deleted_at: part of the truth version of po:
  ADD COLUMN visibility_changed_at timestamptz NOT NULL DEFAULT '-infinity';
--> statement-breakpoint
ALTER TABLE viewers
  ADD COLUMN marks_version bigint NOT NULL DEFAULT 1, -- truth version of my:
  ADD COLUMN changed_at timestamptz NOT NULL DEFAULT '-infinity'; -- when follows, mutes or blocks changed last
--> statement-breakpoint
ALTER TABLE posts DROP CONSTRAINT posts_audience_check;
--> statement-breakpoint
ALTER TABLE posts ADD CONSTRAINT posts_audience_check CHECK (audience IN ('public', 'followers')) NOT VALID;
--> statement-breakpoint
CREATE TABLE mutes (
  viewer_id bigint NOT NULL REFERENCES users (id),
  author_id bigint NOT NULL REFERENCES users (id),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (viewer_id, author_id),
  CHECK (viewer_id <> author_id)
);
--> statement-breakpoint
CREATE TABLE blocks (
  blocker_id bigint NOT NULL REFERENCES users (id),
  blocked_id bigint NOT NULL REFERENCES users (id),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (blocker_id, blocked_id),
  CHECK (blocker_id <> blocked_id)
);
--> statement-breakpoint
CREATE INDEX blocks_of_blocked ON blocks (blocked_id, blocker_id);
--> statement-breakpoint
CREATE TABLE follow_requests (
  target_id bigint NOT NULL REFERENCES users (id),
  requester_id bigint NOT NULL REFERENCES users (id),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (target_id, requester_id),
  CHECK (target_id <> requester_id)
);
--> statement-breakpoint
CREATE INDEX follow_requests_of_requester ON follow_requests (requester_id);
--> statement-breakpoint
CREATE TABLE likes (
  user_id bigint NOT NULL REFERENCES users (id),
  post_id bigint NOT NULL REFERENCES posts (id),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, post_id)
);
--> statement-breakpoint
CREATE INDEX likes_of_post ON likes (post_id);
--> statement-breakpoint
CREATE INDEX likes_created ON likes (created_at);
--> statement-breakpoint
-- Accounts whose posts must leave L2 because they became less visible: their bodies are swept, newest first, a chunk at a time.
CREATE TABLE sweeps (
  author_id bigint PRIMARY KEY,
  below_post bigint NOT NULL DEFAULT 9223372036854775807,
  due_at timestamptz NOT NULL DEFAULT now()
);
--> statement-breakpoint
CREATE INDEX sweeps_due ON sweeps (due_at);
