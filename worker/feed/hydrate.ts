import { type Entry, rootAuthorOf, rootIdOf } from '../../contract/entry.ts'
import type { Key } from '../cache/entry.ts'
import type { ReadThrough } from '../cache/read-through.ts'
import { type Fingerprint, fingerprintOf } from './entity-tag.ts'
import type { Candidate } from './fold.ts'
import type { Account, FeedKeys, PostBody } from './keys.ts'
import { createMemo } from './memo.ts'
import { lineBytes } from './page-body.ts'
import { type FeedTurn, type Part, type Parts, readParts } from './parts.ts'

/** A line of a page, written down. */
export interface Line {
  readonly activityId: string
  /** The post as JSON. */
  readonly json: Uint8Array<ArrayBuffer>
  /** Changes whenever one of the parts changes: what an ETag is made of. */
  readonly fingerprint: Fingerprint
}

/** Reads the parts of all candidates in one turn; undefined for a line that is not to be shown. Throws where a part could not be had. */
export type Hydrate = (candidates: readonly Candidate[], turn: FeedTurn) => Promise<(Line | undefined)[]>

/** What an entry asks of the cache, and what it became when it was last written down: the same for all readers. */
interface Draft {
  readonly entry: Entry
  readonly activity: Key<PostBody>
  /** The post that is shown: `activity` itself unless that is a repost. */
  readonly post: Key<PostBody>
  readonly author: Key<Account>
  /** Who reposted. */
  readonly actor: Key<Account> | undefined
  written:
    | {
        readonly post: Part<PostBody>
        readonly author: Part<Account>
        readonly actor: Part<Account> | undefined
        readonly line: Line
      }
    | undefined
}

/** What drafts may take of an isolate's memory (bytes): some two thousand lines. */
const MAX_DRAFT_BYTES = 4 * 1024 * 1024
const DRAFT_BYTES = 1_200

/** Turns lines into posts. A line shows nothing when its post, its repost, or a person in it is gone, or a newer line shows its root. */
export function createHydrate(cache: ReadThrough, keys: FeedKeys): Hydrate {
  const drafts = createMemo<Draft>(MAX_DRAFT_BYTES)

  function draftOf(entry: Entry): Draft {
    const known = drafts.get(entry.activityId)
    if (known && isSame(known.entry, entry)) return known
    const activity = keys.post(entry.activityId, 'public')
    const post = entry.root ? keys.post(entry.root.id, 'public') : activity
    const actor = entry.root ? keys.user(entry.actorId) : undefined
    const draft: Draft = { entry, activity, post, author: keys.user(rootAuthorOf(entry)), actor, written: undefined }
    drafts.set(entry.activityId, draft, DRAFT_BYTES)
    return draft
  }

  function lineOf(draft: Draft, parts: Parts, place: (key: Key<unknown>) => number): Line | undefined {
    const post = parts.need(draft.post, place(draft.post))
    const author = parts.need(draft.author, place(draft.author))
    if (post.value?.kind !== 'post' || author.value === null) return undefined
    const actor = draft.actor && parts.need(draft.actor, place(draft.actor))
    if (actor && actor.value === null) return undefined
    const { written } = draft
    if (written && isUnchanged(written.post, post) && isUnchanged(written.author, author) && isUnchanged(written.actor, actor))
      return written.line
    const { activityId } = draft.entry
    const line = {
      activityId,
      json: lineBytes({ activityId, post: post.value.json, author: author.value.json, repostedBy: actor?.value?.json }),
      fingerprint: fingerprintOf(
        `${activityId}.${draft.post.text}.${post.truth}.${draft.author.text}.${author.truth}.${actor?.truth ?? ''}`,
      ),
    }
    draft.written = { post: seen(post), author: seen(author), actor: actor && seen(actor), line }
    drafts.set(activityId, draft, DRAFT_BYTES + 2 * line.json.length) // and as much in the parts
    return line
  }

  return async (candidates, turn) => {
    if (candidates.length === 0) return []
    const asked: Key<unknown>[] = []
    const places = new Map<string, number>()
    const ask = (key: Key<unknown>): void => {
      if (places.has(key.text)) return
      places.set(key.text, asked.length)
      asked.push(key)
    }
    const place = (key: Key<unknown>): number => places.get(key.text) ?? -1
    const asking: Draft[] = []
    for (const { entry, newer } of candidates) {
      const draft = draftOf(entry)
      asking.push(draft)
      ask(draft.activity)
      ask(draft.author)
      if (draft.actor) {
        ask(draft.post)
        ask(draft.actor)
      }
      for (const other of newer) ask(draftOf(other).activity)
    }
    const read = readParts(cache, asked, turn)
    const parts = read instanceof Promise ? await read : read
    const stands = (activity: Key<PostBody>): boolean => {
      const { value } = parts.need(activity, place(activity))
      return value !== null && value.kind !== 'gone'
    }
    return asking.map((draft, i) => {
      if (draft.actor && !stands(draft.activity)) return undefined
      if (candidates[i]?.newer.some((other) => stands(draftOf(other).activity))) return undefined
      return lineOf(draft, parts, place)
    })
  }
}

/** An entry follows from its activity; what a damaged list said of one must not stay. */
const isSame = (a: Entry, b: Entry): boolean =>
  a === b || (a.actorId === b.actorId && rootIdOf(a) === rootIdOf(b) && a.root?.authorId === b.root?.authorId)

const isUnchanged = (then: Part<unknown> | undefined, now: Part<unknown> | undefined): boolean =>
  then?.value === now?.value && then?.truth === now?.truth

/** An answer without what else it may hold on to. */
const seen = <V>({ value, truth }: Part<V>): Part<V> => ({ value, truth })

/** One entry as a candidate that nothing hides. */
export const standalone = (entry: Entry): Candidate => ({ entry, newer: [], older: [] })
