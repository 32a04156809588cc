import { keyOf } from '../../../contract/l2/keys.ts'
import { encodeValue } from '../../../contract/l2/value.ts'
import type { MemoryTier } from '../../support/memory-shared-tier.ts'
import type { HistoryClock } from '../clock.ts'
import * as debts from './debts.ts'
import { within } from './network.ts'
import { L2_DEADLINE_MS, type Process } from './process.ts'
import type { Chunk, InvalidationRow } from './rows.ts'
import type { State } from './state.ts'

const TOMBSTONE_MS = 48 * 3_600_000
const MARGIN_MS = 5_000
const DEATH_MS = 60_000
const REPLAYABLE_MS = 3_600_000
/** After a failure Redis is left alone for this long (milliseconds). */
const REST_MS = 1_000

/** What one process says to L2: the twin of `createDelivery`, `createHeartbeat` and `createSettle` in origin/fanout. */
export interface Delivery {
  push(chunks: readonly Chunk[]): Promise<void>
  invalidate(rows: readonly InvalidationRow[]): Promise<void>
  /** Drops what no row was written for. */
  drop(invalidations: readonly { readonly key: string; readonly truth: number }[]): Promise<void>
  /** Before a write is acknowledged; never fails it. */
  settle(rows: readonly InvalidationRow[]): Promise<void>
  beat(): Promise<void>
  recoverAtStart(): Promise<void>
}

interface Parts {
  readonly clock: HistoryClock
  readonly state: State
  readonly l2: MemoryTier
  /** Something became due. */
  readonly owed: () => void
}

export function createDelivery(process: Process, { clock, state, l2, owed }: Parts): Delivery {
  const { has } = state
  let acknowledged = 0
  let era = 0
  let recovering: Promise<void> | undefined
  let restsUntilMs = 0

  async function recover(losses: readonly { readonly machineId: number; readonly remembered: number }[]): Promise<void> {
    era++
    if (has('no replay')) return
    const agoMs = await process.step(() =>
      Math.max(
        ...losses.map(({ machineId, remembered }) =>
          remembered > 0 ? debts.sinceBeatMs(state, machineId, remembered) : Number.POSITIVE_INFINITY,
        ),
      ),
    )
    if (agoMs > REPLAYABLE_MS) await process.callL2(() => l2.empty(''))
    else await process.step(() => debts.oweAgain(state, agoMs + MARGIN_MS))
    await process.step(() => {
      for (const { machineId, remembered } of losses) debts.forgetBeats(state, machineId, remembered)
    })
    owed()
  }

  async function watch(write: (machineId: number) => Promise<number>): Promise<void> {
    const floor = acknowledged
    const begunIn = era
    const beat = await process.callL2(() => write(process.machineId))
    if (begunIn !== era) return
    if (beat > floor) {
      acknowledged = Math.max(acknowledged, beat)
      return
    }
    recovering ??= recover([{ machineId: process.machineId, remembered: beat - 1 }])
      .then(() => {
        acknowledged = beat
        era++
      })
      .finally(() => {
        recovering = undefined
      })
    await recovering
  }

  const delivery: Delivery = {
    async push(chunks) {
      const begunIn = era
      const rows = chunks.map(({ row }) => row)
      const deliveries = chunks.flatMap(({ row, viewers, entry: { actorId, audience } }, entry) => [
        ...(row.afterViewer === '0' ? [{ key: keyOf.author(actorId, audience), entry }] : []),
        ...viewers.filter((_, i) => !(has('lost push') && i === 0)).map((viewerId) => ({ key: keyOf.timeline(viewerId), entry })),
      ])
      const entries = chunks.map(({ entry }) => entry)
      if (has('done before push')) await process.step(() => debts.markPushed(state, rows))
      try {
        await watch((machineId) => l2.push(entries, deliveries, machineId))
      } catch (error) {
        await process.step(() => debts.dueIn(state, rows, REST_MS))
        throw error
      }
      await process.step(() => debts.markPushed(state, rows))
      // Redis lost writes while we did this: the replay saw only what had been noted before it.
      if (era !== begunIn && !has('no replay')) await process.step(() => debts.oweChunks(state, rows))
    },
    async invalidate(rows) {
      if (rows.length === 0) return
      const begunIn = era
      const endsAtMs = clock.nowMs() + TOMBSTONE_MS
      const ends = { softExpiresAtMs: endsAtMs, hardExpiresAtMs: endsAtMs, graceEndsAtMs: endsAtMs, deltaMs: 0, stamp: 1, tailLength: 0 }
      const invalidations = rows.map(({ key, truth, replacement: payload }) => {
        const replacement = payload === null ? undefined : { text: encodeValue({ ...ends, truth, payload }), keepMs: TOMBSTONE_MS }
        return { key, truth, replacement }
      })
      await watch((machineId) => l2.invalidate(invalidations, machineId))
      await process.step(() => debts.markInvalidated(state, rows))
      if (era !== begunIn && !has('no replay')) await process.step(() => debts.oweInvalidations(state, rows))
    },
    async drop(invalidations) {
      const begunIn = era
      await watch((machineId) => l2.invalidate(invalidations, machineId))
      if (era !== begunIn) throw new Error('Redis lost writes meanwhile')
    },
    async settle(rows) {
      if (rows.length === 0 || clock.nowMs() < restsUntilMs) return
      try {
        await within(clock, 1.5 * L2_DEADLINE_MS, delivery.invalidate(rows))
      } catch {
        restsUntilMs = clock.nowMs() + REST_MS
      }
    },
    async beat() {
      await watch((machineId) => l2.invalidate([], machineId))
      await process.step(() => debts.noteBeat(state, process.machineId, acknowledged))
    },
    async recoverAtStart() {
      await process.step(() => debts.oweAgain(state, DEATH_MS))
      const noted = await process.step(() => debts.lastBeats(state))
      const counts = await process.callL2(() => l2.beats([...noted.keys()]))
      const losses = [...noted].flatMap(([machineId, beat], i) =>
        (counts[i] ?? 0) < beat ? [{ machineId, remembered: counts[i] ?? 0 }] : [],
      )
      if (losses.length > 0) await recover(losses)
      owed()
    },
  }
  return delivery
}
