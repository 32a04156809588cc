import { decodeIds, decodeList } from '../../contract/l2/codec.ts'
import { type KeyKind, keyOf } from '../../contract/l2/keys.ts'
import { decodePostValue } from '../../contract/l2/post-value.ts'
import { AUTHOR_LIST_CAP, type EntryList, TIMELINE_CAP, type Timeline, type ViewerState } from '../../contract/timeline.ts'
import type { Key, Lifetimes } from '../cache/entry.ts'

/** A post's value as memory holds it: the JSON of a body is bytes, ready to be copied into pages. */
export type PostBody =
  | { readonly kind: 'post'; readonly authorId: string; readonly json: Uint8Array }
  | { readonly kind: 'repost'; readonly authorId: string; readonly rootId: string; readonly rootAuthorId: string }
  | { readonly kind: 'gone' }

/** Lifetimes of each kind of key (milliseconds). */
export type FeedLifetimes = Readonly<Record<KeyKind, Lifetimes>>

/** The keys of the feed, each knowing what is behind it. */
export interface FeedKeys {
  timeline(viewerId: string): Key<Timeline>
  viewer(viewerId: string): Key<ViewerState>
  author(authorId: string): Key<EntryList>
  post(postId: string): Key<PostBody>
  /** A profile as the JSON of a page, in bytes. */
  user(userId: string): Key<Uint8Array>
  crowd(): Key<readonly string[]>
}

const encoder = new TextEncoder()
/** What a decoded entry weighs: an object and its id strings (bytes, estimated). */
const ENTRY_BYTES = 160
const ID_BYTES = 40

const decodePost = (payload: string): PostBody | undefined => {
  const value = decodePostValue(payload)
  return value?.kind === 'post' ? { ...value, json: encoder.encode(value.json) } : value
}
const parseViewer = (payload: string): ViewerState | undefined => {
  try {
    return JSON.parse(payload)
  } catch {
    return undefined
  }
}
const listBytes = (list: EntryList): number => list.entries.length * ENTRY_BYTES

export function createFeedKeys(lifetimes: FeedLifetimes): FeedKeys {
  const crowd: Key<readonly string[]> = {
    text: keyOf.crowd(),
    lifetimes: lifetimes.crowd,
    decode: decodeIds,
    sizeOf: (ids) => ids.length * ID_BYTES,
  }
  return {
    timeline: (viewerId) => ({
      text: keyOf.timeline(viewerId),
      lifetimes: lifetimes.timeline,
      decode: (payload) => decodeList(payload, TIMELINE_CAP),
      sizeOf: (timeline) => listBytes(timeline) + timeline.candidates.length * ID_BYTES,
    }),
    viewer: (viewerId) => ({
      text: keyOf.viewer(viewerId),
      lifetimes: lifetimes.viewer,
      decode: parseViewer,
      sizeOf: (viewer) => viewer.left.length * ID_BYTES,
    }),
    author: (authorId) => ({
      text: keyOf.author(authorId, 'public'),
      lifetimes: lifetimes.author,
      decode: (payload) => decodeList(payload, AUTHOR_LIST_CAP),
      sizeOf: listBytes,
    }),
    post: (postId) => ({
      text: keyOf.post(postId, 'public'),
      lifetimes: lifetimes.post,
      decode: decodePost,
      sizeOf: (post) => (post.kind === 'post' ? post.json.length : ENTRY_BYTES),
    }),
    user: (userId) => ({
      text: keyOf.user(userId),
      lifetimes: lifetimes.user,
      decode: (payload) => encoder.encode(payload),
      sizeOf: (json) => json.length,
    }),
    crowd: () => crowd,
  }
}
