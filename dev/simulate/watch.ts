import { setTimeout as sleep } from 'node:timers/promises'
import { pageSchema } from '../../contract/post.ts'
import { type Ask, newClient } from './client.ts'
import type { Followers } from './followers.ts'
import { FEED } from './reader.ts'

/** How long one post took from its 201 until a follower saw it. */
export interface Sighting {
  readonly postId: string
  /** Since the run began. */
  readonly postedAtS: number
  /** Undefined where it was not seen within `GIVE_UP_MS`. */
  readonly seenAfterMs: number | undefined
}

export const POLL_MS = 300
const GIVE_UP_MS = 15_000
const MAX_WATCHES = 3

interface Parts {
  readonly ask: Ask
  readonly followers: Followers
  readonly startedAtMs: number
}

/**
 * Watches for some posts, as many as `MAX_WATCHES` at a time: a follower, on another client and without a version token, has read the
 * feed just before, so that every cache on the way is warm with what is now old, and reads it again until the post is there.
 */
export function createWatch({ ask, followers, startedAtMs }: Parts) {
  const sightings: Sighting[] = []
  let watching = 0

  /** Runs `post`, watched where a follower and a place are free. */
  async function watched(author: string, pick: number, post: () => Promise<string | undefined>): Promise<string | undefined> {
    const reader = followers.some(author, pick)
    if (reader === undefined || watching >= MAX_WATCHES) return post()
    watching += 1
    try {
      const look = lookAs(reader)
      if (!(await look())) return await post()
      const postId = await post()
      const postedAtMs = performance.now()
      if (postId === undefined) return undefined
      let seenAfterMs: number | undefined
      do {
        const page = await look()
        if (page?.has(postId)) seenAfterMs = performance.now() - postedAtMs
        else await sleep(POLL_MS)
        if (!followers.has(author, reader)) return postId // who unfollows meanwhile sees nothing more
      } while (seenAfterMs === undefined && performance.now() - postedAtMs < GIVE_UP_MS)
      sightings.push({ postId, postedAtS: (postedAtMs - startedAtMs) / 1_000, seenAfterMs })
      return postId
    } finally {
      watching -= 1
    }
  }

  /** Reads the first page as often as it is called; answers the ids on it, undefined where there was no answer. */
  function lookAs(reader: string): () => Promise<ReadonlySet<string> | undefined> {
    const client = newClient(reader, false)
    let etag: string | undefined
    let shown: ReadonlySet<string> = new Set()
    return async () => {
      const answer = await ask(client, { kind: 'probe', path: FEED, schema: pageSchema, etag, dueAtMs: performance.now() })
      if (answer?.body) {
        etag = answer.etag
        shown = new Set(answer.body.posts.map(({ id }) => id))
      }
      return answer && shown
    }
  }

  return { watched, sightings: (): readonly Sighting[] => sightings }
}
