-- Why: the few posts of an author that only followers may see are asked for with every list of theirs. Locks: writes to posts wait while the
-- index is built, which reads the whole table and finds next to nothing; applied together with 0003, reads of users and posts wait as well. Where
-- posts are many, make it by hand before both, CONCURRENTLY and under the same name: its columns are older than they. Old code: runs on it.
CREATE INDEX IF NOT EXISTS posts_for_followers ON posts (author_id, id DESC) WHERE audience = 'followers' AND deleted_at IS NULL;
