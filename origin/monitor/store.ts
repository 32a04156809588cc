import { firstIdAt } from '../../contract/ids.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import type { Database } from '../db/client.ts'
import { addConsistency, invalidatedKeys, pushedLists, recentPosts, recentViewers, takeTurn } from '../db/consistency.ts'
import type { MonitorStore } from './ports.ts'

interface Options {
  readonly everyMs: number
  readonly keysPerTurn: number
  readonly promisedMs: number
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** Random samples go back so far (milliseconds): what is in caches has mostly been read or written within a day. */
const RECENT_MS = 24 * 3_600_000

const AUDIENCES = ['public', 'followers'] as const

/** Turns and tallies in Postgres: one row is everybody's turn, so that any number of processes share one budget. */
export function monitorStore(db: Database, { everyMs, keysPerTurn, promisedMs, random }: Options): MonitorStore {
  /** Recent moments are likelier: half of all within the last sixteenth. */
  const someAgoMs = (): number => Math.floor(RECENT_MS * random() ** 4)

  /** Keys that nothing has happened to, as far as we know: a list, a body or a profile that is wrong for another reason is found by these. */
  async function atRandom(nowMs: number, limit: number): Promise<string[]> {
    const [viewers, posts] = await Promise.all([
      recentViewers(db, someAgoMs() / 1_000, Math.ceil(limit / 4)),
      recentPosts(db, firstIdAt(Math.floor(nowMs) - someAgoMs()), Math.ceil(limit / 6)),
    ])
    return [
      keyOf.crowd(),
      ...viewers.flatMap((id) => [keyOf.timeline(id), keyOf.viewer(id)]),
      ...posts.flatMap(({ id, authorId }) => [keyOf.post(id, 'public'), keyOf.user(authorId), keyOf.author(authorId, 'public')]),
    ]
  }

  return {
    async take() {
      const turn = await takeTurn(db, everyMs, promisedMs)
      if (!turn) return undefined
      const [invalidated, pushed, others] = await Promise.all([
        invalidatedKeys(db, turn, Math.ceil(keysPerTurn / 2)),
        pushedLists(db, turn, Math.ceil(keysPerTurn / 4)),
        atRandom(turn.nowMs, keysPerTurn),
      ])
      const lists = pushed.flatMap(({ authorId, viewerId }) =>
        viewerId === undefined ? AUDIENCES.map((audience) => keyOf.author(authorId, audience)) : keyOf.timeline(viewerId),
      )
      // What was acknowledged first: it says most. What room is left is for the others.
      const keys = [...new Set([...invalidated, ...lists, ...others])].slice(0, keysPerTurn)
      return { nowMs: turn.nowMs, keys }
    },
    record: (tallies) => addConsistency(db, tallies),
  }
}
