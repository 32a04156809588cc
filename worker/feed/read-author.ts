import type { Cursor } from '../../contract/cursor.ts'
import { Problem } from '../../contract/problem.ts'
import { demand } from './demand.ts'
import { createWalk } from './fold.ts'
import { type Line, standalone } from './hydrate.ts'
import { copied } from './keys.ts'
import { sourceOf } from './merge.ts'
import { paginate } from './paginate.ts'
import { type FeedTurn, readParts } from './parts.ts'
import { positionAfter } from './position.ts'
import type { FeedPage, FeedParts } from './read-feed.ts'

interface Ask {
  readonly authorId: string
  readonly cursor: Cursor | undefined
  readonly limit: number
}

/** A page of what one author brought: posts and reposts, each a line of its own. */
export async function readAuthor(
  { read, keys, hydrate, origin }: FeedParts,
  { authorId, cursor, limit }: Ask,
  turn: FeedTurn,
): Promise<FeedPage> {
  const key = keys.author(authorId, 'public')
  const found = await readParts(read, [key], turn)
  const list = demand(() => found.need(key, 0)).value
  if (!list) throw new Problem('not-found', `There is no user ${authorId}.`)
  const source = sourceOf(list)
  const page = await paginate(
    {
      walk: createWalk([source], { anchor: undefined, below: cursor?.last, fold: false, hidden: () => false }),
      older: (below, size) => origin.olderOfAuthor({ authorId, below, limit: size }),
      originKnowsAll: true,
      below: cursor?.last,
    },
    limit,
    hydrate,
    turn,
  )
  const degraded = page.isShort ? ['incomplete'] : []
  return { ...positionAfter([source], { kind: 'scroll', cursor }, page), lines: page.lines, source: 'author', degraded }
}

/** One post, or a repost as the post it shows. */
export async function readPost({ read, keys, hydrate }: FeedParts, postId: string, turn: FeedTurn): Promise<Line> {
  const key = keys.post(postId, 'public')
  const found = await readParts(read, [key], turn)
  const post = demand(() => found.need(key, 0)).value
  if (!post) throw new Problem('not-found', `There is no post ${postId}.`)
  if (post.kind === 'gone') throw new Problem('gone', `The post ${postId} was deleted.`)
  const root = post.kind === 'repost' ? { root: { id: post.rootId, authorId: post.rootAuthorId } } : {}
  const entry = { activityId: copied(postId), actorId: post.authorId, audience: 'public' as const, ...root }
  const [line] = await demand(() => hydrate([standalone(entry)], turn))
  if (!line) throw new Problem('gone', `The post ${postId} was deleted.`)
  return line
}
