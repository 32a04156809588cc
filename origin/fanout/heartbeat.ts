import type { Database } from '../db/client.ts'
import { buryMachines } from '../db/machines.ts'
import { forgetBeats, lastBeats, noteBeat, oweAgain, secondsOfSilence, secondsSinceBeat } from '../db/recovery.ts'
import type { L2Port } from './l2-port.ts'

/** Replayed beyond the last beat that held: a beat is noted at most a second late (seconds). */
const MARGIN_SECONDS = 5
/**
 * Replayed always when a process is found dead, and when one starts, counted back from the last sign of life of anybody: the dead may have
 * written what Redis lost with them, and nobody else can see that (seconds).
 */
const DEATH_SECONDS = 60

/** Handed over at an orderly end: what others cannot see to be lost is younger than two beats, and a beat may be slow (seconds). */
const HANDED_OVER_SECONDS = 5

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
  /** At the start: replays the last minute before anybody's last beat, and all since the last beat of any machine that Redis has forgotten. */
  recoverAtStart(): Promise<void>
  /** At the end: what was written of late is owed again, for nobody will look at this process's count any more. */
  handOver(): Promise<void>
}

/**
 * Does an answered count tell that Redis lost writes? It must lie above what was acknowledged before the call was sent, and two calls are never
 * answered the same: that one was carried out, was lost, and left its count to the other, which was in the air all the time.
 */
export const tellsOfLoss = (beat: number, floor: number, answeredMeanwhile: ReadonlySet<number>): boolean =>
  beat <= floor || answeredMeanwhile.has(beat)

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
  /** For each call in the air the counts that others were answered meanwhile. */
  const inTheAir = new Set<Set<number>>()

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
    const meanwhile = new Set<number>()
    inTheAir.add(meanwhile)
    const beat = await write(machine).finally(() => inTheAir.delete(meanwhile))
    if (begunIn !== era) return
    if (!tellsOfLoss(beat, floor, meanwhile)) {
      acknowledged = Math.max(acknowledged, beat)
      for (const answered of inTheAir) answered.add(beat)
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
      const silence = await secondsOfSilence(db)
      // Before counts are compared: what Redis loses from here on lowers our own.
      await watch((machine) => l2.invalidate([], machine))
      await db.transaction((tx) => oweAgain(tx, silence + DEATH_SECONDS))
      const noted = await lastBeats(db)
      const counts = await l2.beats(noted.map((machine) => machine.machineId))
      const losses = noted.flatMap(({ machineId, beat }, i): Loss[] => {
        const remembered = counts[i] ?? 0
        return remembered < beat ? [{ machineId, remembered }] : []
      })
      if (losses.length > 0) await recover(losses)
    },
    async handOver() {
      await db.transaction((tx) => oweAgain(tx, HANDED_OVER_SECONDS))
    },
  }
}
