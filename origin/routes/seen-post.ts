import { Problem } from '../../contract/problem.ts'
import type { Queryable } from '../db/client.ts'
import { findPosts, type PostRow } from '../db/posts.ts'
import { relationsOf } from '../db/relations.ts'

/**
 * The post that `id` shows (of a repost, its root) as far as this user may see it. What they may not see is as if it were not there; what they
 * could have seen and was deleted is gone.
 */
export async function seenPost(db: Queryable, userId: bigint, id: bigint): Promise<PostRow> {
  const [post] = await findPosts(db, [id])
  const [root] = post?.rootId ? await findPosts(db, [post.rootId]) : [post]
  if (!post || !root) throw noPost(id)
  const pairs = [post, root].map(({ authorId }) => ({ viewerId: userId, authorId }))
  const relations = new Map((await relationsOf(db, pairs)).map((relation) => [relation.authorId, relation]))
  for (const { authorId, audience, withdrawn } of [post, root]) {
    const relation = relations.get(String(authorId))
    const proven = audience === 'public' || relation?.follows || authorId === userId
    if (withdrawn || !relation || relation.blocked || !proven) throw noPost(id)
  }
  if (post.deleted || root.deleted) throw new Problem('gone', `The post ${id} was deleted.`)
  return root
}

export const noPost = (id: bigint): Problem => new Problem('not-found', `There is no post ${id}.`)

/** Of what is gone there is nothing to undo, and no error either; of what one may not see nobody says whether it exists. */
export function unlessGone(error: unknown): void {
  if (!(error instanceof Problem && error.slug === 'gone')) throw error
}
