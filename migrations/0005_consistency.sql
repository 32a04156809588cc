-- Why: what the consistency monitor found, per minute, and whose turn it is to look. Locks: none that matter, the tables are new. Old code: runs
-- on it, it does not know the tables.
CREATE TABLE consistency (
  minute timestamptz NOT NULL,
  place text NOT NULL, -- L2, or the edge that EDGE_URL names
  kind text NOT NULL, -- what the keys begin with
  checked bigint NOT NULL, -- answers that were compared
  late bigint NOT NULL, -- behind, within the promise
  beyond bigint NOT NULL, -- behind, beyond the promise: something is owed, or came too late
  wrong bigint NOT NULL, -- contradicts a truth older than the promise, and nothing is owed
  PRIMARY KEY (minute, place, kind)
);
--> statement-breakpoint
-- One row for the world: all processes share one budget. Whoever finds the moment past takes the turn, and with it what was acknowledged since.
CREATE TABLE consistency_turn (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  due_at timestamptz NOT NULL DEFAULT now(),
  looked_until timestamptz NOT NULL DEFAULT now() -- acknowledgements up to here had their turn
);
--> statement-breakpoint
INSERT INTO consistency_turn DEFAULT VALUES;
