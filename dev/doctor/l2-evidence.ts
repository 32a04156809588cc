import { decodeIds, decodeList, type PackedList } from '../../contract/l2/codec.ts'
import { keyOf, leaseKeyOf } from '../../contract/l2/keys.ts'
import { decodePostValue } from '../../contract/l2/post-value.ts'
import { decodeUserValue } from '../../contract/l2/user-value.ts'
import { decodeValue, type Framed } from '../../contract/l2/value.ts'
import { AUTHOR_LIST_CAP, TIMELINE_CAP } from '../../contract/timeline.ts'
import type { ReadTexts } from '../../origin/monitor/answers.ts'

/** A list in L2, and which of its entries were pushed since it was filled. */
export interface ListEvidence {
  readonly truth: number
  readonly list: PackedList
  readonly pushed: ReadonlySet<string>
}

/** What L2 holds that decides about one activity. Undefined: nothing is there, and the next read loads it. */
export interface L2Evidence {
  readonly timeline: ListEvidence | undefined
  /** A lease is out: somebody is loading the timeline. */
  readonly leaseOut: boolean
  readonly viewer: { readonly truth: number; readonly hides: readonly string[] } | undefined
  readonly crowd: readonly string[] | undefined
  readonly authorList: ListEvidence | undefined
  /** What `po:` says: post, repost, not-public, gone. */
  readonly activity: string | undefined
  readonly root: string | undefined
  /** What `us:` says: open, private, suspended; `nobody` for a remembered absence. */
  readonly author: string | undefined
}

export interface About {
  readonly viewerId: string
  readonly activityId: string
  readonly rootId: string
  readonly actorId: string
  readonly authorId: string
  readonly audience: 'public' | 'followers'
}

/** The keys that decide about an activity, in this order. */
const keysOf = ({ viewerId, activityId, rootId, actorId, authorId, audience }: About) =>
  [
    keyOf.timeline(viewerId),
    leaseKeyOf(keyOf.timeline(viewerId)),
    keyOf.viewer(viewerId),
    keyOf.crowd(),
    keyOf.author(actorId, audience),
    keyOf.post(activityId, audience),
    keyOf.post(rootId, audience),
    keyOf.user(authorId),
  ] as const

/** The keys of which invalidations are told, without the lease. */
export const toldKeysOf = (about: About): string[] => keysOf(about).filter((key) => !key.startsWith(leaseKeyOf('')))

/** Reads from L2 what decides about an activity: one round trip. Rejects where L2 cannot be reached. */
export async function evidenceInL2(read: ReadTexts, about: About): Promise<L2Evidence> {
  const [timeline, lease, viewer, crowd, authorList, activity, root, author] = await read(keysOf(about))
  return {
    timeline: listIn(timeline, TIMELINE_CAP),
    leaseOut: lease !== undefined,
    viewer: viewerIn(viewer),
    crowd: payloadOf(crowd, decodeIds),
    authorList: listIn(authorList, AUTHOR_LIST_CAP),
    activity: payloadOf(activity, (payload) => decodePostValue(payload)?.kind),
    root: payloadOf(root, (payload) => decodePostValue(payload)?.kind),
    author: framed(author)?.payload === null ? 'nobody' : payloadOf(author, (payload) => decodeUserValue(payload)?.visibility),
  }
}

const framed = (text: string | undefined): Framed | undefined => (text === undefined ? undefined : decodeValue(text))

function payloadOf<T>(text: string | undefined, decode: (payload: string) => T | undefined): T | undefined {
  const payload = framed(text)?.payload
  return payload === undefined || payload === null ? undefined : decode(payload)
}

function listIn(text: string | undefined, cap: number): ListEvidence | undefined {
  const value = framed(text)
  const list = payloadOf(text, (payload) => decodeList(payload, cap))
  const base = payloadOf(text, (payload) => decodeList(payload.slice(0, payload.indexOf('~') + 1), cap))
  if (!value || !list || !base) return undefined
  const filled = new Set(base.entries.map(({ activityId }) => activityId))
  const pushed = list.entries.flatMap(({ activityId }) => (filled.has(activityId) ? [] : [activityId]))
  return { truth: value.truth, list, pushed: new Set(pushed) }
}

function viewerIn(text: string | undefined): L2Evidence['viewer'] {
  const value = framed(text)
  const state = payloadOf(text, (payload): Partial<Record<string, unknown>> => JSON.parse(payload))
  if (!value || !state) return undefined
  return { truth: value.truth, hides: [state.left, state.muted, state.blocked].flat().filter((id) => typeof id === 'string') }
}
