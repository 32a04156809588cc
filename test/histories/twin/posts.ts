import type { Audience } from '../../../contract/entry.ts'
import { firstIdAt } from '../../../contract/ids.ts'
import type { EntryRow } from '../../../origin/db/entries.ts'
import { need, newestFirst, type PostRow } from './rows.ts'
import { pairOf, type State } from './state.ts'

/** The twin of origin/db/posts.ts and likes.ts. */

/** Who may see a post now. */
export const audienceOf = (state: State, { authorId, audience }: PostRow): Audience =>
  need(state.users, authorId).private ? 'followers' : audience

export const entryOf = (state: State, post: PostRow): EntryRow => ({
  activityId: post.id,
  actorId: post.authorId,
  audience: audienceOf(state, post),
  ...(post.root && { root: post.root }),
})

export const standingOf = (state: State, authorId: string): PostRow[] => need(state.postsOf, authorId).filter(({ deleted }) => !deleted)

export const findRepost = (state: State, authorId: string, rootId: string): PostRow | undefined =>
  standingOf(state, authorId).find((post) => post.root?.id === rootId)

export const isWithdrawn = (state: State, userId: string): boolean => {
  const { suspended, deleted } = need(state.users, userId)
  return suspended || deleted
}

function list(state: State, post: PostRow): void {
  state.posts.set(post.id, post)
  const posts = need(state.postsOf, post.authorId)
  posts.push(post)
  posts.sort((a, b) => newestFirst(a.id, b.id))
}

/** What was there before: by authors whose followers have not read yet. */
export function importPost(state: State, authorId: string, text: string, atMs: number, sequence: number): string {
  const id = String(firstIdAt(atMs) + BigInt(sequence))
  list(state, { id, authorId, text, root: undefined, audience: 'public', mode: 'push', version: 1, deleted: false })
  return id
}

function count(state: State, postId: string, change: { readonly likes: number; readonly reposts: number }): number {
  const counts = state.counts.get(postId) ?? { likes: 0, reposts: 0, version: 0 }
  state.counts.set(postId, { likes: counts.likes + change.likes, reposts: counts.reposts + change.reposts, version: counts.version + 1 })
  return counts.version + 1
}
const raiseMarks = (state: State, userId: string): number => ++need(state.viewers, userId).marksVersion

export interface MarksRaised {
  readonly marksVersion: number
  readonly countsVersion: number
}

/** A post or repost with its job; undefined where its author may not write, or the root stands reposted already. */
export function insertActivity(state: State, activity: Pick<PostRow, 'id' | 'authorId' | 'text' | 'root' | 'audience'>) {
  const { id, root, authorId } = activity
  if (isWithdrawn(state, authorId) || (root && findRepost(state, authorId, root.id))) return undefined
  if (state.posts.has(id)) throw new Error(`id ${id} was minted twice`)
  const marks: MarksRaised | undefined = root && {
    marksVersion: raiseMarks(state, authorId),
    countsVersion: count(state, root.id, { likes: 0, reposts: 1 }),
  }
  const author = need(state.authors, authorId)
  const isPrivate = need(state.users, authorId).private
  const known = standingOf(state, authorId)
  const firstForFollowers = isPrivate
    ? known.length === 0
    : activity.audience === 'followers' && !known.some(({ audience }) => audience === 'followers')
  author.postVersion++
  const post: PostRow = { ...activity, mode: author.route === 'pull' ? 'pull' : author.hot ? 'hot' : 'push', version: 1, deleted: false }
  list(state, post)
  state.jobs.push({ post, afterViewer: '0' })
  return { audience: audienceOf(state, post), postVersion: author.postVersion, firstForFollowers, marks }
}

export function deleteActivity(state: State, id: string) {
  const post = need(state.posts, id)
  if (post.deleted) return undefined
  const { authorId, root } = post
  const marks: MarksRaised | undefined = root && {
    marksVersion: raiseMarks(state, authorId),
    countsVersion: count(state, root.id, { likes: 0, reposts: -1 }),
  }
  const author = need(state.authors, authorId)
  author.postVersion++
  post.deleted = true
  post.version++
  return { truth: truthOf(state, post), postVersion: author.postVersion, rootId: root?.id, marks }
}

export const truthOf = (state: State, { version, authorId }: PostRow): number => version + need(state.users, authorId).visibilityVersion

/** Undefined where it stood so before. */
export function like(state: State, userId: string, postId: string, on: boolean): MarksRaised | undefined {
  const liked = need(state.likes, userId)
  if (liked.has(postId) === on) return undefined
  if (on) liked.add(postId)
  else liked.delete(postId)
  return { marksVersion: raiseMarks(state, userId), countsVersion: count(state, postId, { likes: on ? 1 : -1, reposts: 0 }) }
}

/** Which posts somebody liked and reposted, newest first. */
export const marksOf = (state: State, userId: string) => ({
  liked: [...need(state.likes, userId)].sort(newestFirst),
  reposted: standingOf(state, userId)
    .flatMap(({ root }) => root?.id ?? [])
    .sort(newestFirst),
})

/** The post that is shown, as far as this user may see it: the twin of origin/routes/seen-post.ts. */
export function seenPost(state: State, userId: string, id: string): PostRow | 'not-found' | 'gone' {
  const post = state.posts.get(id)
  const root = post?.root ? state.posts.get(post.root.id) : post
  if (!post || !root) return 'not-found'
  for (const one of [post, root]) {
    const { authorId } = one
    const isBlocked = state.blocks.has(pairOf(userId, authorId)) || state.blocks.has(pairOf(authorId, userId))
    const isProven = audienceOf(state, one) === 'public' || authorId === userId || need(state.follows, userId).has(authorId)
    if (isWithdrawn(state, authorId) || isBlocked || !isProven) return 'not-found'
  }
  return post.deleted || root.deleted ? 'gone' : root
}
