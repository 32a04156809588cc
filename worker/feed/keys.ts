import { decodeIds, decodeList, decodeMarks } from '../../contract/l2/codec.ts'
import { type Counts, decodeCounts } from '../../contract/l2/counts-value.ts'
import { type Audience, type KeyKind, keyOf } from '../../contract/l2/keys.ts'
import { decodePostValue } from '../../contract/l2/post-value.ts'
import { decodeRelation, type Relation } from '../../contract/l2/relation-value.ts'
import { decodeUserValue, type Visibility } from '../../contract/l2/user-value.ts'
import {
  AUTHOR_LIST_CAP,
  type EntryList,
  type Marks,
  MERGED_CAP,
  POPULAR_CAP,
  TIMELINE_CAP,
  type Timeline,
  type ViewerState,
} from '../../contract/timeline.ts'
import type { Key, Lifetimes } from '../cache/entry.ts'
import { arrayBytes, bufferBytes, objectBytes, textBytes } from '../cache/weigh.ts'

/** A post's value as memory holds it: the JSON of a body is bytes, ready to be copied into pages. */
export type PostBody =
  | { readonly kind: 'post'; readonly authorId: string; readonly json: Uint8Array }
  | { readonly kind: 'repost'; readonly authorId: string; readonly rootId: string; readonly rootAuthorId: string }
  | { readonly kind: 'not-public'; readonly authorId: string }
  | { readonly kind: 'gone' }

/** An account as memory holds it: its profile as the JSON of a page, in bytes. */
export interface Account {
  readonly visibility: Visibility
  readonly json: Uint8Array
}

/** Lifetimes of each kind of key (milliseconds). */
export type FeedLifetimes = Readonly<Record<KeyKind, Lifetimes>>

/** The keys of the feed, each knowing what is behind it. */
export interface FeedKeys {
  timeline(viewerId: string): Key<Timeline>
  viewer(viewerId: string): Key<ViewerState>
  /** An author's list; of the public one `hasMoreForFollowers` may be true. */
  author(authorId: string, audience: Audience): Key<Timeline>
  post(postId: string, audience: Audience): Key<PostBody>
  user(userId: string): Key<Account>
  relation(viewerId: string, authorId: string): Key<Relation>
  counts(postId: string): Key<Counts>
  marks(viewerId: string): Key<Marks>
  merged(viewerId: string): Key<EntryList>
  crowd(): Key<readonly string[]>
  popular(): Key<EntryList>
}

const encoder = new TextEncoder()
/** A copy. V8 keeps the whole text of a slice alive: a body that is held as bytes already, or the address of a request. */
export function copied(text: string): string {
  const codes: number[] = []
  for (let i = 0; i < text.length; i++) codes.push(text.charCodeAt(i))
  return String.fromCharCode(...codes)
}
function decodePost(payload: string): PostBody | undefined {
  const value = decodePostValue(payload)
  if (value?.kind === 'post') return { kind: 'post', authorId: copied(value.authorId), json: encoder.encode(value.json) }
  if (value?.kind === 'not-public') return { kind: 'not-public', authorId: copied(value.authorId) }
  if (value?.kind !== 'repost') return value
  const { authorId, rootId, rootAuthorId } = value
  return { kind: 'repost', authorId: copied(authorId), rootId: copied(rootId), rootAuthorId: copied(rootAuthorId) }
}
const isIds = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((id) => typeof id === 'string')
/** What an origin that is older than this code does not say is nothing. */
function decodeViewer(payload: string): ViewerState | undefined {
  const { followVersion, left, muted = [], blocked = [], many = false, followsNobody = false } = parsed(payload)
  if (typeof followVersion !== 'number' || typeof many !== 'boolean' || typeof followsNobody !== 'boolean') return undefined
  return isIds(left) && isIds(muted) && isIds(blocked) ? { followVersion, left, muted, blocked, many, followsNobody } : undefined
}
function parsed(payload: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(payload) ?? {}
  } catch {
    return {}
  }
}
function decodeAccount(payload: string): Account | undefined {
  const value = decodeUserValue(payload)
  return value && { visibility: value.visibility, json: encoder.encode(value.json) }
}
const ID_BYTES = textBytes('1500000000000000000')
const ENTRY_BYTES = objectBytes(3) + ID_BYTES
/** What a repost's entry weighs more: a fourth field, and what it holds. */
const ROOT_BYTES = objectBytes(4) - objectBytes(3) + objectBytes(2) + ID_BYTES
const idsBytes = (ids: readonly string[]): number => arrayBytes(ids.length) + ids.length * ID_BYTES

/** Entries of a list share the ids of their people; the array grew while it was filtered, so it has room to spare. */
function listBytes({ entries }: EntryList): number {
  const people = new Set<string>()
  let roots = 0
  for (const { actorId, root } of entries) {
    people.add(actorId)
    if (!root) continue
    people.add(root.authorId)
    roots++
  }
  const array = entries.length > 0 ? arrayBytes(Math.ceil(1.25 * entries.length) + 12) : arrayBytes(0)
  return objectBytes(3) + array + people.size * ID_BYTES + entries.length * ENTRY_BYTES + roots * ROOT_BYTES
}
function postBytes(post: PostBody): number {
  switch (post.kind) {
    case 'post':
      return objectBytes(3) + ID_BYTES + bufferBytes(post.json)
    case 'repost':
      return objectBytes(4) + 3 * ID_BYTES
    case 'not-public':
      return objectBytes(2) + ID_BYTES
    case 'gone':
      return objectBytes(1)
  }
}

export function createFeedKeys(lifetimes: FeedLifetimes): FeedKeys {
  const crowd: Key<readonly string[]> = {
    text: keyOf.crowd(),
    lifetimes: lifetimes.crowd,
    decode: decodeIds,
    sizeOf: idsBytes,
  }
  const popular: Key<EntryList> = {
    text: keyOf.popular(),
    lifetimes: lifetimes.popular,
    decode: (payload) => decodeList(payload, POPULAR_CAP),
    sizeOf: (list) => listBytes(list) + arrayBytes(0),
  }
  return {
    timeline: (viewerId) => ({
      text: keyOf.timeline(viewerId),
      lifetimes: lifetimes.timeline,
      decode: (payload) => decodeList(payload, TIMELINE_CAP),
      sizeOf: (timeline) => listBytes(timeline) + idsBytes(timeline.candidates),
    }),
    viewer: (viewerId) => ({
      text: keyOf.viewer(viewerId),
      lifetimes: lifetimes.viewer,
      decode: decodeViewer,
      sizeOf: ({ left, muted, blocked }) => objectBytes(6) + idsBytes(left) + idsBytes(muted) + idsBytes(blocked),
    }),
    author: (authorId, audience) => ({
      text: keyOf.author(authorId, audience),
      lifetimes: lifetimes.author,
      decode: (payload) => decodeList(payload, AUTHOR_LIST_CAP),
      sizeOf: (list) => listBytes(list) + idsBytes(list.candidates),
    }),
    post: (postId, audience) => ({
      text: keyOf.post(postId, audience),
      lifetimes: lifetimes.post,
      decode: decodePost,
      sizeOf: postBytes,
    }),
    user: (userId) => ({
      text: keyOf.user(userId),
      lifetimes: lifetimes.user,
      decode: decodeAccount,
      sizeOf: ({ json }) => objectBytes(2) + bufferBytes(json),
    }),
    relation: (viewerId, authorId) => ({
      text: keyOf.relation(viewerId, authorId),
      lifetimes: lifetimes.relation,
      decode: decodeRelation,
      sizeOf: () => 0, // one of three texts that are there anyway
      need: 'proof',
    }),
    counts: (postId) => ({
      text: keyOf.counts(postId),
      lifetimes: lifetimes.counts,
      decode: decodeCounts,
      sizeOf: () => objectBytes(2),
      need: 'optional',
    }),
    marks: (viewerId) => ({
      text: keyOf.marks(viewerId),
      lifetimes: lifetimes.marks,
      decode: decodeMarks,
      sizeOf: ({ liked, reposted }) => objectBytes(3) + ID_BYTES + idsBytes(liked) + idsBytes(reposted),
    }),
    merged: (viewerId) => ({
      text: keyOf.merged(viewerId),
      lifetimes: lifetimes.merged,
      decode: (payload) => decodeList(payload, MERGED_CAP),
      sizeOf: (list) => listBytes(list) + arrayBytes(0),
    }),
    crowd: () => crowd,
    popular: () => popular,
  }
}
