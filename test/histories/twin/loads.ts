import { encodeIds, encodeList } from '../../../contract/l2/codec.ts'
import { parseKey } from '../../../contract/l2/keys.ts'
import type { PostRow as RealPostRow } from '../../../origin/db/posts.ts'
import type { ViewerRow as RealViewerRow } from '../../../origin/db/viewers.ts'
import * as payloads from '../../../origin/timelines/payloads.ts'
import { departuresOf, isBlocked } from './people.ts'
import { audienceOf, isWithdrawn, marksOf } from './posts.ts'
import { NOT_REBUILT, need, type PostRow } from './rows.ts'
import { pairOf, type State } from './state.ts'
import { crowd, mergedOf, popularPosts } from './tiers.ts'
import { candidatesOf, hasForFollowers, listOf, timelineOf, unwrittenTimelineOf } from './timelines.ts'

export interface Loaded {
  readonly key: string
  readonly truth: number
  readonly payload: string | null
}

/** All keys of a request as of one instant: the twin of origin/timelines/load.ts, with its payloads. Viewers must have been rebuilt. */
export const loadRows = (state: State, keys: readonly string[]): Loaded[] =>
  keys.map((key) => ({ key, ...(made(state, key) ?? { truth: 0, payload: null }) }))

function made(state: State, key: string): payloads.Made | undefined {
  const parsed = parseKey(key)
  switch (parsed?.kind) {
    case 'post': {
      const post = state.posts.get(parsed.id)
      return post && payloads.postValue(realPost(state, post), parsed.audience)
    }
    case 'user': {
      const user = state.users.get(parsed.id)
      return user && payloads.userValue({ ...user, id: BigInt(parsed.id), name: user.handle })
    }
    case 'viewer': {
      const viewer = realViewer(state, parsed.id)
      return viewer && payloads.viewerValue(viewer, departuresOf(state, parsed.id), hiddenOf(state, parsed.id))
    }
    case 'relation': {
      const { id: viewerId, authorId } = parsed
      const viewer = state.viewers.get(viewerId)
      if (!viewer) return undefined
      return payloads.relationValue({
        viewerId,
        authorId,
        viewVersion: viewer.viewVersion,
        standing: state.users.get(viewerId)?.deleted === false && state.users.has(authorId),
        follows: need(state.follows, viewerId).has(authorId),
        muted: state.mutes.has(pairOf(viewerId, authorId)),
        blocked: isBlocked(state, viewerId, authorId),
      })
    }
    case 'timeline': {
      const viewer = realViewer(state, parsed.id)
      if (!viewer) return undefined
      if (viewer.deleted) return { truth: viewer.followVersion, payload: null }
      if (state.viewers.get(parsed.id)?.completeSince === NOT_REBUILT) {
        const { completeSince, entries } = unwrittenTimelineOf(state, parsed.id)
        const unwritten = { ...viewer, completeSince: BigInt(completeSince) }
        return payloads.timelineValue(unwritten, entries, candidatesOf(state, parsed.id), state.rules.timelineCap)
      }
      return payloads.timelineValue(viewer, timelineOf(state, parsed.id), candidatesOf(state, parsed.id), state.rules.timelineCap)
    }
    case 'author': {
      const { id, audience } = parsed
      const author = state.authors.get(id)
      if (!author) return undefined
      const { deleted } = need(state.users, id)
      const row = { authorId: BigInt(id), postVersion: author.postVersion, deleted, hasForFollowers: hasForFollowers(state, id) }
      return payloads.authorValue(row, audience, listOf(state, id, audience), state.rules.authorListCap)
    }
    case 'counts': {
      const counts = state.counts.get(parsed.id)
      return payloads.countsValue(counts && { ...counts, postId: parsed.id })
    }
    case 'marks': {
      const viewer = realViewer(state, parsed.id)
      return viewer && payloads.marksValue(viewer, marksOf(state, parsed.id))
    }
    case 'merged': {
      const viewer = realViewer(state, parsed.id)
      return viewer && payloads.mergedValue(viewer, mergedOf(state, parsed.id), state.rules.mergedCap)
    }
    case 'crowd': {
      const { version, authorIds } = crowd(state)
      return { truth: version, payload: encodeIds(authorIds) }
    }
    case 'popular': {
      const { version, entries } = popularPosts(state)
      return { truth: version, payload: encodeList({ completeSince: '0', candidates: [], entries }) }
    }
    default:
      return undefined
  }
}

const realPost = (state: State, post: PostRow): RealPostRow => ({
  id: BigInt(post.id),
  authorId: BigInt(post.authorId),
  text: post.text ?? null,
  rootId: post.root ? BigInt(post.root.id) : null,
  rootAuthorId: post.root ? BigInt(post.root.authorId) : null,
  version: post.version,
  deleted: post.deleted,
  audience: audienceOf(state, post),
  visibilityVersion: need(state.users, post.authorId).visibilityVersion,
  withdrawn: isWithdrawn(state, post.authorId),
})

function realViewer({ viewers, users }: State, id: string): RealViewerRow | undefined {
  const viewer = viewers.get(id)
  return viewer && { ...viewer, viewerId: BigInt(id), completeSince: BigInt(viewer.completeSince), deleted: users.get(id)?.deleted ?? true }
}

const hiddenOf = (state: State, viewerId: string) => {
  const others = [...state.users.keys()].filter((id) => id !== viewerId)
  return {
    viewerId,
    muted: others.filter((id) => state.mutes.has(pairOf(viewerId, id))),
    blocked: others.filter((id) => isBlocked(state, viewerId, id)),
    followsNobody: need(state.follows, viewerId).size === 0,
  }
}
