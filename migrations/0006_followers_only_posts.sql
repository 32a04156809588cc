-- Why: the few posts of an author that only followers may see are asked for with every list of theirs. Locks: writes to posts wait while the
-- index is built, which reads the whole table and finds next to nothing; where that takes too long, make it by hand before, CONCURRENTLY and
-- under the same name. Old code: runs on it.
CREATE INDEX IF NOT EXISTS posts_for_followers ON posts (author_id, id DESC) WHERE audience = 'followers' AND deleted_at IS NULL;
