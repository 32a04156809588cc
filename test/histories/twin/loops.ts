import { keyOf } from '../../../contract/l2/keys.ts'
import type { HistoryClock } from '../clock.ts'
import * as debts from './debts.ts'
import type { Server } from './origin.ts'
import { removeFollowsOf, takeBackfills } from './people.ts'
import { need } from './rows.ts'
import type { State } from './state.ts'
import { computePopular, nextTierAtMs, stepTiers } from './tiers.ts'
import { retireViewers, trimTimelines } from './timelines.ts'
import { backfillNow } from './writes.ts'

/** Loops look for debts, and for steps of the tiers, this often (milliseconds). */
const POLL_MS = 250
const TIERS_MS = 1_000
const HOUSEKEEPING_MS = 20_000
/** A chunk's viewers are trimmed this often; the real worker trims one in 160. */
const TRIMS = 0.3

interface Parts {
  readonly clock: HistoryClock
  readonly random: () => number
  readonly state: State
  readonly servers: readonly Server[]
  readonly anyServer: () => Server | undefined
  readonly isClosed: () => boolean
}

/** What runs behind the requests: the twin of the loops of origin/wiring.ts, which wakes only when there is something to do. */
export function createLoops({ clock, random, state, servers, anyServer, isClosed }: Parts) {
  /** Calls `look` as soon as something is due, by any process. `again` is to be called whenever that may have changed. */
  function whenDue(dueAtMs: () => number, jitterMs: number, look: (server: Server) => Promise<unknown>): () => void {
    let looksAtMs = Number.POSITIVE_INFINITY
    function again(): void {
      const nextMs = Math.max(dueAtMs(), clock.nowMs()) + random() * jitterMs
      if (isClosed() || nextMs >= looksAtMs) return
      looksAtMs = nextMs
      void clock.sleep(nextMs - clock.nowMs()).then(() => {
        if (looksAtMs !== nextMs) return
        looksAtMs = Number.POSITIVE_INFINITY
        const server = anyServer()
        if (server)
          void look(server)
            .catch(() => {})
            .then(again)
      })
    }
    return again
  }

  const owed = whenDue(() => debts.nextDueAtMs(state), POLL_MS, payDebts)
  const tiersChanged = whenDue(() => nextTierAtMs(state), TIERS_MS, keepTiers)

  async function payDebts({ process, delivery }: Server): Promise<void> {
    const follows = await process.step(() => takeBackfills(state))
    for (const { viewerId, authorId } of follows) {
      const settled = await backfillNow(state, process, viewerId, authorId)
      if (settled) await delivery.invalidate(settled.owed).catch(() => {})
    }
    const invalidations = await process.step(() => debts.takeInvalidations(state))
    await delivery.invalidate(invalidations).catch(() => {})
    const chunks = await process.step(() => debts.takeUnpushed(state))
    if (chunks.length > 0) await delivery.push(chunks).catch(() => {})
    await sweepNext({ process, delivery }).catch(() => {})
  }

  /** The twin of origin/fanout/sweep.ts. */
  async function sweepNext({ process, delivery }: Server): Promise<void> {
    const taken = await process.step(() => debts.takeSweep(state))
    if (!taken) return
    const posts = await process.step(() => debts.postsToSweep(state, taken))
    const last = posts.at(-1)
    const keys = posts.flatMap(({ id, truth }) =>
      (['public', 'followers'] as const).map((audience) => ({ key: keyOf.post(id, audience), truth })),
    )
    if (last && !state.has('no sweep')) await delivery.drop(keys)
    await process.step(() => {
      if (last && posts.length === state.rules.sweepSize) return debts.moveSweep(state, taken, last.id)
      if (need(state.users, taken.sweep.authorId).deleted) removeFollowsOf(state, taken.sweep.authorId)
      return debts.endSweep(state, taken)
    })
    owed()
  }

  async function keepTiers({ process, delivery }: Server): Promise<void> {
    const rows = await process.step(() => {
      const version = stepTiers(state)
      return version === undefined ? [] : debts.insertInvalidations(state, [{ key: keyOf.crowd(), truth: version, replacement: null }])
    })
    owed()
    await delivery.settle(rows)
  }

  /** Wakes idle workers. */
  function ring(): void {
    for (const server of servers) if (!server.process.draining) void drain(server)
  }

  /** The twin of origin/fanout/worker.ts: one push is under way while the next chunk is cut. */
  async function drain({ process, delivery }: Server): Promise<void> {
    process.draining = true
    let pushing: Promise<void> = Promise.resolve()
    while (state.jobs.length > 0) {
      if (process.cutLateMs > 0) await clock.sleep(process.takeLate('cutLateMs'))
      const chunk = await process.step(() => debts.cutChunk(state))
      owed()
      if (!chunk) break
      if (chunk.viewers.length > 0 && random() < TRIMS) await process.step(() => trimTimelines(state, chunk.viewers))
      await pushing
      const late = process.pushLateMs > 0 ? clock.sleep(process.takeLate('pushLateMs')) : Promise.resolve()
      pushing = late.then(() => delivery.push([chunk])).catch(() => {})
    }
    await pushing
    process.draining = false
    if (state.jobs.length > 0) void drain({ process, delivery })
  }

  async function keepHouse(): Promise<void> {
    while (!isClosed()) {
      retireViewers(state)
      computePopular(state)
      await clock.sleep(Math.min(HOUSEKEEPING_MS, state.rules.popularEveryMs))
    }
  }
  void keepHouse()

  return { ring, owed, tiersChanged }
}
