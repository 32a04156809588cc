import type { Database } from '../db/client.ts'
import { buryMachines } from '../db/machines.ts'
import { forgetBeats, lastBeats, noteBeat, oweAgain, secondsSinceBeat } from '../db/recovery.ts'
import type { L2Port } from './l2-port.ts'

/** Replayed beyond the last beat that held: a beat is noted at most a second late (seconds). */
const MARGIN_SECONDS = 5
/** Replayed always when a process starts or is found dead: it may have died with writes whose loss nobody else can see (seconds). */
const DEATH_SECONDS = 60

/** Pushes and invalidations are kept for two hours: what was lost longer ago than this cannot be replayed (seconds). */
const REPLAYABLE_SECONDS = 3_600

/** Of a machine's writes Redis remembers only so many. */
interface Loss {
  readonly machineId: number
  readonly remembered: number
}

/** What the heartbeat says of the writes of this process. */
export interface Heartbeat {
  /** Runs a writing call and judges the heartbeat it answers: a count that does not rise means that Redis lost writes. */
  watch(write: (machineId: number) => Promise<number>): Promise<void>
  /** Raised by each loss that is found. A write that is noted in another era than it began in was not replayed, and is owed again. */
  readonly era: number
  /** One beat; notes in Postgres what Redis acknowledged, and replays what the dead wrote last. To be called every second. */
  beat(): Promise<void>
  /** At the start: replays the last minute, and all since the last beat of any machine that Redis has forgotten. */
  recoverAtStart(): Promise<void>
}

interface Parts {
  readonly db: Database
  readonly l2: L2Port
  readonly machineId: () => number
  readonly observe: (event: { readonly type: 'l2-lost-writes'; readonly replayed: number | 'emptied' }) => void
}

/**
 * Recovery of L2 (docs/architecture.md, Recovery). Every push and invalidation raises a counter in its own script; Redis restarted from a snapshot, or
 * failed over to a copy that lags, answers a lower one. Then everybody's writes since the last beat that held are owed again:
 * both kinds are idempotent.
 */
export function createHeartbeat({ db, l2, machineId, observe }: Parts): Heartbeat {
  let acknowledged = 0
  let countedFor = -1
  /** Raised when a recovery begins and when it ends: a call that was under way meanwhile is not judged by what was counted before. */
  let era = 0
  let recovering: Promise<void> | undefined

  /** How long ago the last write was made that Redis remembers (seconds): what came later is lost. Infinite where nothing tells. */
  const ageOf = async ({ machineId, remembered }: Loss): Promise<number> =>
    (remembered > 0 ? await secondsSinceBeat(db, machineId, remembered) : undefined) ?? Number.POSITIVE_INFINITY

  async function recover(losses: readonly Loss[]): Promise<void> {
    era++
    const ago = Math.max(...(await Promise.all(losses.map(ageOf))))
    if (ago > REPLAYABLE_SECONDS) {
      // A flush needs no repair, and emptying nothing is cheap.
      await l2.empty('')
      observe({ type: 'l2-lost-writes', replayed: 'emptied' })
    } else {
      observe({ type: 'l2-lost-writes', replayed: await db.transaction((tx) => oweAgain(tx, ago + MARGIN_SECONDS)) })
    }
    // Else every process that starts would find the same loss again.
    for (const { machineId, remembered } of losses) await forgetBeats(db, machineId, remembered)
  }

  async function watch(write: (machineId: number) => Promise<number>): Promise<void> {
    const machine = machineId()
    if (machine !== countedFor) {
      if (countedFor !== -1) era++
      countedFor = machine
      acknowledged = 0
    }
    const floor = acknowledged
    const begunIn = era
    const beat = await write(machine)
    if (begunIn !== era) return
    if (beat > floor) {
      acknowledged = Math.max(acknowledged, beat)
      return
    }
    recovering ??= recover([{ machineId: machine, remembered: beat - 1 }])
      .then(() => {
        acknowledged = beat
        era++
      })
      .finally(() => {
        recovering = undefined
      })
    await recovering
  }

  return {
    watch,
    get era() {
      return era
    },
    async beat() {
      await watch((machine) => l2.invalidate([], machine))
      await noteBeat(db, countedFor, acknowledged)
      await db.transaction(async (tx) => {
        if (await buryMachines(tx)) await oweAgain(tx, DEATH_SECONDS)
      })
    },
    async recoverAtStart() {
      await db.transaction((tx) => oweAgain(tx, DEATH_SECONDS))
      const noted = await lastBeats(db)
      const counts = await l2.beats(noted.map((machine) => machine.machineId))
      const losses = noted.flatMap(({ machineId, beat }, i): Loss[] => {
        const remembered = counts[i] ?? 0
        return remembered < beat ? [{ machineId, remembered }] : []
      })
      if (losses.length > 0) await recover(losses)
    },
  }
}
