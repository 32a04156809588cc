-- Why: fan-out to its full depth. Timeline entries carry all that a fill answers, so that a timeline is read from one shard and without a join; posts of
-- mode 'hot' go to timelines present in L2 alone; jobs take turns by author, die after too many attempts, and say how long they waited; thresholds change at
-- run time; what was unfollowed is cleaned; a log of activities is there for other consumers.
-- Locks: posts cannot be written while the index of them is built, which reads the table once (some seconds per 10 million): where posts are many, make it by hand
-- before, CONCURRENTLY and under the same name. Then authors, viewers, fanout_jobs, fanout_chunks and timeline_entries, while all enrolled viewers are updated
-- (a second per 100,000). The rows of all timelines are dropped and written again behind their readers' next fills, as after a return.
-- Old code: its reads go on; its fan-out, follows and tiers fail until it is replaced. Jobs wait meanwhile, nothing is lost. While it may still serve
-- loads nobody is hot: the first hour of HOT_HOLD_MS begins here.
-- What fills take from the posts, because rows need not hold it.
CREATE INDEX IF NOT EXISTS posts_unpushed ON posts (author_id, id DESC) WHERE mode <> 'push' AND deleted_at IS NULL;
--> statement-breakpoint
TRUNCATE timeline_entries;
--> statement-breakpoint
ALTER TABLE timeline_entries
  ADD COLUMN author_id bigint NOT NULL, -- of the activity
  ADD COLUMN root_id bigint, -- of a repost
  ADD COLUMN root_author_id bigint,
  ADD COLUMN audience text CHECK (audience = 'followers'); -- null: public; as it was when the entry was written, a hint
--> statement-breakpoint
-- A trim looks for the 801st row in the index alone where pages are known to be visible to all: twice as often as by default, and it costs half.
ALTER TABLE timeline_entries SET (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_insert_scale_factor = 0.1);
--> statement-breakpoint
-- Until when a timeline of theirs may be present in L2. Those that are there now, or that old code fills for who returns meanwhile, end within a day.
ALTER TABLE viewers ADD COLUMN present_until timestamptz NOT NULL DEFAULT now() + interval '27 hours';
--> statement-breakpoint
ALTER TABLE viewers ALTER COLUMN present_until SET DEFAULT '-infinity';
--> statement-breakpoint
UPDATE viewers SET complete_since = 9223372036854775807 WHERE enrolled_at IS NOT NULL;
--> statement-breakpoint
ALTER TABLE authors
  ADD COLUMN hot boolean NOT NULL DEFAULT false, -- mid tier: posts that are not pulled have mode 'hot'
  ADD COLUMN hot_changed_at timestamptz NOT NULL DEFAULT now(), -- nobody becomes hot sooner than HOT_HOLD_MS after this
  ADD COLUMN unpushed boolean NOT NULL DEFAULT false, -- some of their posts were not pushed: fills look for them
  ADD COLUMN demoted_at timestamptz, -- since when route is 'demoted'
  ADD COLUMN turn_at timestamptz NOT NULL DEFAULT '-infinity'; -- behind which the author's next job takes its turn
--> statement-breakpoint
ALTER TABLE authors ALTER COLUMN hot_changed_at SET DEFAULT '-infinity';
--> statement-breakpoint
CREATE INDEX authors_crowd ON authors (author_id) WHERE route <> 'push';
--> statement-breakpoint
CREATE INDEX authors_hot ON authors (hot, follower_count);
--> statement-breakpoint
-- Whoever was pulled once is a candidate for good. Nothing is copied at a demotion any more.
UPDATE authors SET unpushed = true WHERE candidate_since IS NOT NULL;
--> statement-breakpoint
CREATE INDEX authors_big ON authors (author_id) WHERE candidate_since IS NOT NULL OR unpushed;
--> statement-breakpoint
UPDATE authors SET demoted_at = now() WHERE route = 'demoted';
--> statement-breakpoint
DROP TABLE demotions;
--> statement-breakpoint
ALTER TABLE fanout_jobs
  ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN turn_at timestamptz NOT NULL DEFAULT now(); -- the order within a lane: who posts more often than others comes later
--> statement-breakpoint
DROP INDEX fanout_jobs_due;
--> statement-breakpoint
CREATE INDEX fanout_jobs_turn ON fanout_jobs (lane, turn_at, activity_id);
--> statement-breakpoint
CREATE INDEX fanout_jobs_of_author ON fanout_jobs (author_id);
--> statement-breakpoint
DROP INDEX fanout_chunks_debts;
--> statement-breakpoint
CREATE INDEX fanout_chunks_debts ON fanout_chunks (activity_id) WHERE pushed_at IS NULL; -- the newest are paid first
--> statement-breakpoint
DROP INDEX fanout_chunks_pushed;
--> statement-breakpoint
CREATE INDEX fanout_chunks_pushed ON fanout_chunks (pushed_at) WHERE pushed_at IS NOT NULL;
--> statement-breakpoint
ALTER TABLE fanout_chunks
  ADD COLUMN lane smallint NOT NULL DEFAULT 0,
  ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now(); -- of the job: pushed_at less this is what a reader waited
--> statement-breakpoint
-- Jobs that failed too often. They stay until somebody replays or drops them (npm run dead-jobs).
CREATE TABLE dead_jobs (
  activity_id bigint PRIMARY KEY,
  author_id bigint NOT NULL,
  mode text NOT NULL,
  lane smallint NOT NULL,
  after_viewer bigint NOT NULL,
  attempts integer NOT NULL,
  queued_at timestamptz NOT NULL,
  died_at timestamptz NOT NULL DEFAULT now(),
  error text NOT NULL
);
--> statement-breakpoint
-- Thresholds that were changed at run time: each stands instead of the variable of its name.
CREATE TABLE settings (
  name text PRIMARY KEY,
  value text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now()
);
--> statement-breakpoint
-- One row for the world: how far lag has lowered the crowd threshold, and all thresholds as they are.
CREATE TABLE crowd_threshold (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  share double precision NOT NULL DEFAULT 1 CHECK (share > 0 AND share <= 1), -- of the threshold that is set
  judged_at timestamptz NOT NULL DEFAULT '-infinity', -- when the share was changed, or high lag was seen to shrink
  judged_lag_ms double precision NOT NULL DEFAULT 0, -- high lag as it was then
  calm_since timestamptz, -- since when lag has been low
  in_force jsonb -- what the process that decided last went by, for whoever asks
);
--> statement-breakpoint
INSERT INTO crowd_threshold DEFAULT VALUES;
--> statement-breakpoint
-- Rows of timelines that nobody sees any more, because the viewer unfollowed or blocked the author.
CREATE TABLE cleanups (
  viewer_id bigint NOT NULL,
  author_id bigint NOT NULL,
  due_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (viewer_id, author_id)
);
--> statement-breakpoint
CREATE INDEX cleanups_due ON cleanups (due_at);
--> statement-breakpoint
-- What happened, for consumers besides timelines: a row of the transaction that did it. Read in the order of (xid, seq), and only below the oldest transaction that
-- still runs: so a row that commits late is never behind a reader, and what an actor did after something else of theirs was done comes after it.
CREATE TABLE activities (
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  seq bigint GENERATED ALWAYS AS IDENTITY,
  kind text NOT NULL,
  actor_id bigint NOT NULL, -- who did it
  post_id bigint, -- of post, repost, delete, like, unlike: the activity or the liked post
  root_id bigint, -- of a repost
  subject_id bigint, -- of follow, block and the like: whom it concerns
  audience text, -- of a post: who may see it
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (xid, seq)
);
--> statement-breakpoint
-- One row for the log itself.
CREATE TABLE activity_log (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  epoch uuid NOT NULL DEFAULT gen_random_uuid(), -- another one when the log begins anew: cursors from before are refused
  home text NOT NULL DEFAULT (pg_control_system()).system_identifier, -- the server whose transaction ids the rows have: on another one they mean nothing
  pruned_xid xid8 NOT NULL DEFAULT '0', -- up to where rows were deleted because they were old
  pruned_seq bigint NOT NULL DEFAULT 0
);
--> statement-breakpoint
INSERT INTO activity_log DEFAULT VALUES;
