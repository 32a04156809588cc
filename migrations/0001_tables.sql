-- Why: the first tables. Locks: none that matter, everything is new. Old code: there is none.
-- Ids are snowflakes of exactly 19 digits: fan-out carries lists of them as text of fixed width.
CREATE TABLE users (
  id bigint PRIMARY KEY CHECK (id >= 1000000000000000000),
  handle text NOT NULL UNIQUE,
  name text NOT NULL,
  version bigint NOT NULL DEFAULT 1, -- truth version of us:
  created_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);
--> statement-breakpoint
-- A user as one who posts. Locked by each of their posts, so that the mode is decided in the post's own transaction.
CREATE TABLE authors (
  author_id bigint PRIMARY KEY REFERENCES users (id),
  post_version bigint NOT NULL DEFAULT 0, -- truth version of au:
  last_post_id bigint NOT NULL DEFAULT 0,
  follower_count integer NOT NULL DEFAULT 0,
  route text NOT NULL DEFAULT 'push' CHECK (route IN ('push', 'announced', 'pull')),
  candidate_since timestamptz, -- since when every new timeline knows this author as a candidate
  announced_at timestamptz -- since when the author is in crowd
);
--> statement-breakpoint
CREATE INDEX authors_candidates ON authors (author_id) WHERE candidate_since IS NOT NULL;
--> statement-breakpoint
CREATE INDEX authors_follower_count ON authors (follower_count);
--> statement-breakpoint
-- A user as one who reads. enrolled_at is null for a dormant viewer, who gets nothing pushed and is rebuilt on return.
CREATE TABLE viewers (
  viewer_id bigint PRIMARY KEY REFERENCES users (id),
  view_version bigint NOT NULL DEFAULT 1, -- truth version of vw:
  follow_version bigint NOT NULL DEFAULT 1, -- truth version of tl:
  enrolled_at timestamptz,
  complete_since bigint NOT NULL DEFAULT 0, -- timeline_entries holds everything pushed above this id
  last_active_at timestamptz
) WITH (fillfactor = 80);
--> statement-breakpoint
CREATE INDEX viewers_activity ON viewers (last_active_at) WHERE enrolled_at IS NOT NULL;
--> statement-breakpoint
CREATE TABLE follows (
  follower_id bigint NOT NULL REFERENCES users (id),
  followee_id bigint NOT NULL REFERENCES users (id),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (follower_id, followee_id),
  CHECK (follower_id <> followee_id)
);
--> statement-breakpoint
CREATE INDEX follows_of_followee ON follows (followee_id, follower_id);
--> statement-breakpoint
-- The follows of enrolled viewers, by author: what fan-out reads.
CREATE TABLE push_edges (
  author_id bigint NOT NULL,
  viewer_id bigint NOT NULL,
  PRIMARY KEY (author_id, viewer_id)
);
--> statement-breakpoint
CREATE INDEX push_edges_of_viewer ON push_edges (viewer_id);
--> statement-breakpoint
-- Who unfollowed whom of late: a timeline in L2 filled before the unfollow is filtered by it.
CREATE TABLE departures (
  viewer_id bigint NOT NULL,
  author_id bigint NOT NULL,
  left_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (viewer_id, author_id)
);
--> statement-breakpoint
-- Posts and reposts: an activity each. A repost is a pointer with no text. mode is decided at commit and never changes;
-- 'hot' has its place and comes with the mid tier.
CREATE TABLE posts (
  id bigint PRIMARY KEY CHECK (id >= 1000000000000000000),
  author_id bigint NOT NULL REFERENCES users (id),
  text text,
  root_id bigint REFERENCES posts (id),
  root_author_id bigint REFERENCES users (id),
  mode text NOT NULL CHECK (mode IN ('push', 'hot', 'pull')),
  audience text NOT NULL DEFAULT 'public' CHECK (audience IN ('public')),
  version bigint NOT NULL DEFAULT 1, -- truth version of po:
  deleted_at timestamptz,
  CHECK ((root_id IS NULL) = (root_author_id IS NULL)),
  CHECK ((root_id IS NULL) <> (text IS NULL))
);
--> statement-breakpoint
CREATE INDEX posts_of_author ON posts (author_id, id DESC);
--> statement-breakpoint
CREATE INDEX posts_of_root ON posts (root_id, id DESC) WHERE root_id IS NOT NULL;
--> statement-breakpoint
CREATE UNIQUE INDEX posts_one_repost ON posts (author_id, root_id) WHERE root_id IS NOT NULL AND deleted_at IS NULL;
--> statement-breakpoint
CREATE TABLE timeline_entries (
  viewer_id bigint NOT NULL,
  activity_id bigint NOT NULL,
  PRIMARY KEY (viewer_id, activity_id)
);
--> statement-breakpoint
-- The durable queue: a job is written in the transaction of its activity and deleted when its last chunk is cut.
CREATE TABLE fanout_jobs (
  activity_id bigint PRIMARY KEY,
  author_id bigint NOT NULL,
  mode text NOT NULL,
  lane smallint NOT NULL, -- 0: small authors, taken first and in batches; 1: big ones, a chunk at a time
  after_viewer bigint NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  run_at timestamptz NOT NULL DEFAULT now()
);
--> statement-breakpoint
CREATE INDEX fanout_jobs_due ON fanout_jobs (lane, run_at);
--> statement-breakpoint
-- A chunk is 'inserted' with its rows, in their transaction, and 'pushed' once Redis acknowledged. Until then it is a debt.
CREATE TABLE fanout_chunks (
  activity_id bigint NOT NULL,
  after_viewer bigint NOT NULL, -- exclusive; 0 for the first chunk, which also pushes to au:
  last_viewer bigint NOT NULL, -- inclusive
  author_id bigint NOT NULL,
  inserted_at timestamptz NOT NULL DEFAULT now(),
  due_at timestamptz NOT NULL, -- an unpushed chunk may be taken by anybody from then on
  pushed_at timestamptz,
  state text GENERATED ALWAYS AS (CASE WHEN pushed_at IS NULL THEN 'inserted' ELSE 'pushed' END) STORED,
  PRIMARY KEY (activity_id, after_viewer)
);
--> statement-breakpoint
CREATE INDEX fanout_chunks_debts ON fanout_chunks (due_at) WHERE pushed_at IS NULL;
--> statement-breakpoint
CREATE INDEX fanout_chunks_pushed ON fanout_chunks (pushed_at);
--> statement-breakpoint
-- What must be dropped from L2: a row of the writing transaction, done before the acknowledgement or as a debt, kept an hour.
CREATE TABLE invalidations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text NOT NULL, -- a cache key, or 'tl:*' for all timelines
  truth bigint NOT NULL,
  replacement text, -- payload of a tombstone; null drops the value
  created_at timestamptz NOT NULL DEFAULT now(),
  due_at timestamptz NOT NULL DEFAULT now(),
  done_at timestamptz
);
--> statement-breakpoint
CREATE INDEX invalidations_debts ON invalidations (due_at) WHERE done_at IS NULL;
--> statement-breakpoint
CREATE INDEX invalidations_done ON invalidations (done_at);
--> statement-breakpoint
CREATE INDEX invalidations_of_key ON invalidations (key) WHERE done_at IS NULL;
--> statement-breakpoint
-- A follow whose history is still to be copied into the follower's timeline: written with the follow, deleted by the copy.
CREATE TABLE backfills (
  viewer_id bigint NOT NULL,
  author_id bigint NOT NULL,
  due_at timestamptz NOT NULL,
  PRIMARY KEY (viewer_id, author_id)
);
--> statement-breakpoint
CREATE TABLE idempotency_keys (
  user_id bigint NOT NULL,
  key text NOT NULL,
  fingerprint text NOT NULL, -- of the request, so that a key cannot be used for another one
  status smallint NOT NULL,
  body json NOT NULL, -- json keeps the order of fields: a replay is the first answer to the byte
  raised jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, key)
);
--> statement-breakpoint
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
--> statement-breakpoint
-- Machine ids of snowflakes, leased. high_water_ms: no successor mints at or below it.
CREATE TABLE machines (
  machine_id smallint PRIMARY KEY CHECK (machine_id BETWEEN 0 AND 1023),
  owner uuid,
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  high_water_ms bigint NOT NULL DEFAULT 0
);
--> statement-breakpoint
INSERT INTO machines (machine_id) SELECT generate_series(0, 1023);
--> statement-breakpoint
-- How many writes of a process Redis had acknowledged, second by second: by it a Redis that lost writes is found out.
CREATE TABLE beats (
  machine_id smallint NOT NULL,
  beat bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (machine_id, at)
);
--> statement-breakpoint
CREATE INDEX beats_at ON beats (at);
--> statement-breakpoint
-- One row for the world: the truth version of crowd.
CREATE TABLE crowd_version (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  version bigint NOT NULL DEFAULT 1
);
--> statement-breakpoint
INSERT INTO crowd_version DEFAULT VALUES;
