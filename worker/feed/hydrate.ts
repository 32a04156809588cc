import { type Entry, rootAuthorOf, rootIdOf } from '../../contract/entry.ts'
import type { Key } from '../cache/entry.ts'
import type { ReadThrough } from '../cache/read-through.ts'
import type { Turn } from '../cache/reader.ts'
import type { FeedKeys } from './keys.ts'
import type { Candidate } from './merge.ts'

/** A line with everything a page says of it, in bytes. */
export interface Line {
  readonly activityId: string
  readonly post: Uint8Array
  readonly author: Uint8Array
  readonly repostedBy: Uint8Array | undefined
  /** Changes whenever one of the parts changes: what an ETag is made of. */
  readonly version: string
  /** When the oldest part was verified (epoch milliseconds). */
  readonly verifiedAtMs: number
}

/** Reads the parts of all candidates in one turn; undefined for a line that is not to be shown. Throws where a part could not be had. */
export type Hydrate = (candidates: readonly Candidate[], turn: Turn) => Promise<(Line | undefined)[]>

/** Turns lines into posts. A line shows nothing when its post, its repost, or a person in it is gone, or a newer line shows its root. */
export function createHydrate(read: ReadThrough, keys: FeedKeys): Hydrate {
  return async (candidates, turn) => {
    const asked: Key<unknown>[] = []
    for (const { entry, newer } of candidates) {
      asked.push(keys.post(entry.activityId), keys.user(rootAuthorOf(entry)))
      if (entry.root) asked.push(keys.post(entry.root.id), keys.user(entry.actorId))
      for (const other of newer) asked.push(keys.post(other.activityId))
    }
    if (asked.length === 0) return []
    const found = await read.many(asked, turn)
    const stands = (activityId: string): boolean => {
      const { value } = found.need(keys.post(activityId))
      return value !== null && value.kind !== 'gone'
    }
    return candidates.map(({ entry, newer }): Line | undefined => {
      const post = found.need(keys.post(rootIdOf(entry)))
      const author = found.need(keys.user(rootAuthorOf(entry)))
      if (post.value?.kind !== 'post' || author.value === null || !stands(entry.activityId)) return undefined
      if (newer.some((other) => stands(other.activityId))) return undefined
      const actor = entry.root ? found.need(keys.user(entry.actorId)) : undefined
      if (actor && actor.value === null) return undefined
      return {
        activityId: entry.activityId,
        post: post.value.json,
        author: author.value,
        repostedBy: actor?.value ?? undefined,
        version: `${entry.activityId}.${post.truth}.${author.truth}.${actor?.truth ?? ''}`,
        verifiedAtMs: Math.min(post.verifiedAtMs, author.verifiedAtMs, actor?.verifiedAtMs ?? Number.POSITIVE_INFINITY),
      }
    })
  }
}

/** One entry as a candidate that nothing hides. */
export const standalone = (entry: Entry): Candidate => ({ entry, newer: [] })
