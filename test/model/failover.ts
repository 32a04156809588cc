import { tellsOfLoss } from '../../origin/fanout/heartbeat.ts'
import type { Model } from './explore.ts'
import { protocol } from './protocol.ts'

/**
 * Redis goes back to an older copy of itself (a restart from a snapshot, a failover to a replica behind), while several origin processes write to it, die,
 * end and start. A write stands for a push and for an invalidation alike: both may be repeated. A tick is a second: every process beats once in each,
 * always in the same order. Not walked: a call whose answer is lost and which is carried out after Redis went back; counts cannot tell that.
 */
interface State {
  readonly writes: readonly Write[]
  readonly processes: readonly Process[]
  /** What has been carried out, and the heartbeat of each process. `absent`: emptied, and absence is a miss. */
  readonly redis: Redis
  readonly copy: Redis | undefined
  readonly wentBack: boolean
  readonly left: Omit<Bounds, 'writes' | 'processes' | 'writers' | 'lateNotes' | 'overlaps'>
}

interface Redis {
  readonly carriedOut: string
  readonly counts: readonly number[]
  readonly absent: boolean
}

interface Write {
  /** `owed` in Postgres; sent, carried out and answered in the memory of a process; `done` in Postgres, and how long ago. */
  readonly at: 'owed' | 'sent' | 'carried out' | 'answered' | 'done'
  readonly by: number
  readonly age: number
  /** What `watch` of origin/fanout/heartbeat.ts holds of the call: its floor, its era, its answer, and what others were answered meanwhile. */
  readonly floor: number
  readonly era: number
  readonly beat: number
  readonly meanwhile: readonly number[]
}

interface Process {
  readonly at: 'to come' | 'alive' | 'dead' | 'gone'
  readonly acknowledged: number
  readonly era: number
  /** In this second, and since Redis went back. */
  readonly hasBeaten: boolean
  readonly hasBeatenSince: boolean
  /** A beat that will be noted in Postgres only in the next second; -1 for none. */
  readonly toNote: number
  readonly notes: readonly { readonly count: number; readonly age: number }[]
}

interface Bounds {
  readonly writes: number
  /** Those that live from the beginning. */
  readonly processes: number
  /** How many of them write, and whether a beat may be noted a second late. */
  readonly writers: number
  readonly lateNotes: boolean
  readonly starts: number
  /** May one start while another lives? */
  readonly overlaps: boolean
  readonly deaths: number
  readonly ends: number
  /** How often Redis goes back. */
  readonly losses: number
  readonly ticks: number
}

const RULES = {
  beats: 'a process that writes nothing beats all the same',
  replays: 'a count that is not above what was acknowledged is a loss: what was written since the last beat that held is owed again',
  sameCount: 'and so is a count that another call was answered meanwhile',
  everybody: 'whoever finds the loss replays what everybody wrote',
  margin: 'and some seconds more, for a beat is noted late',
  eraOwes: 'a write that is noted in another era than it began in is owed again',
  emptied: 'where no beat tells how much was lost, L2 is emptied',
  burial: 'the last minute of a process that died is replayed',
  handOver: 'a process that ends hands over what it wrote last',
  startReplays: 'a process that starts replays the last minute before the last sign of life',
  startBeats: 'and it beats before it compares counts: what is lost from then on lowers its own',
  startCompares: 'and all since the last beat of any machine that Redis has forgotten',
} as const
type Has = (rule: keyof typeof RULES) => boolean

/** In ticks: the margin of a replay, what is handed over, the minute of the dead, and how long a death stays unseen while somebody lives. */
const MARGIN = 1
const HANDED_OVER = 2
const MINUTE = 3
const LEASE = 1
const IDLE: Write = { at: 'owed', by: -1, age: 0, floor: 0, era: 0, beat: 0, meanwhile: [] }
const isUnderWay = ({ at }: Write): boolean => at === 'sent' || at === 'carried out' || at === 'answered'

function createModel(bounds: Bounds, has: Has): Model<State> {
  const changed = <T>(items: readonly T[], place: number, change: Partial<T>): readonly T[] =>
    items.map((item, i) => (i === place ? { ...item, ...change } : item))
  const raised = ({ redis }: State, p: number, carriedOut = redis.carriedOut): Redis => ({
    ...redis,
    carriedOut,
    counts: redis.counts.map((count, i) => (i === p ? count + 1 : count)),
  })
  /** `oweAgain` of origin/db/recovery.ts. */
  const owedAgain = (state: State, reach: number, whose?: number): State => ({
    ...state,
    writes: state.writes.map((write) =>
      write.at === 'done' && write.age <= reach && (whose === undefined || write.by === whose) ? IDLE : write,
    ),
  })
  /** `recover`, for a machine of which Redis remembers only so much. */
  function recovered(state: State, p: number, machine: number, remembered: number): State {
    const notes = state.processes[machine]?.notes ?? []
    const held = notes.filter(({ count }) => count <= remembered).map(({ age }) => age)
    const ago = remembered > 0 && held.length > 0 ? Math.min(...held) : Number.POSITIVE_INFINITY
    const known = ago < Number.POSITIVE_INFINITY
    const repaired = known
      ? owedAgain(state, ago + (has('margin') ? MARGIN : 0), has('everybody') ? undefined : p)
      : has('emptied')
        ? { ...state, redis: { ...state.redis, absent: true } }
        : state
    const forgot = changed(repaired.processes, machine, { notes: notes.filter(({ count }) => count <= remembered) })
    return { ...repaired, processes: changed(forgot, p, { era: (forgot[p]?.era ?? 0) + 1 }) }
  }
  /** What `watch` makes of an answer. */
  function judged(state: State, p: number, beat: number, call: Pick<Write, 'floor' | 'era' | 'meanwhile'>): State {
    const process = state.processes[p]
    if (!process || process.era !== call.era) return state
    const isLoss = tellsOfLoss(
      beat,
      has('replays') ? call.floor : Number.NEGATIVE_INFINITY,
      new Set(has('sameCount') ? call.meanwhile : []),
    )
    if (isLoss) {
      const repaired = recovered(state, p, p, beat - 1)
      return { ...repaired, processes: changed(repaired.processes, p, { acknowledged: beat }) }
    }
    return {
      ...state,
      processes: changed(state.processes, p, { acknowledged: Math.max(process.acknowledged, beat) }),
      writes: state.writes.map((write) =>
        write.by === p && (write.at === 'sent' || write.at === 'carried out')
          ? { ...write, meanwhile: [...write.meanwhile, beat].sort((a, b) => a - b) }
          : write,
      ),
    }
  }

  function* writing(state: State): Generator<[string, State]> {
    const { writes, processes, redis } = state
    for (const [w, write] of writes.entries()) {
      const process = processes[write.by]
      const id = String(w)
      const become = (change: Partial<Write>, more: State = state): State => ({ ...more, writes: changed(more.writes, w, change) })
      if (write.at === 'owed')
        for (const [p, { at, acknowledged, era }] of processes.entries())
          if (at === 'alive' && p < bounds.writers)
            yield [`process ${p} sends write ${id}`, become({ ...IDLE, at: 'sent', by: p, floor: acknowledged, era })]
      if (write.at === 'sent') {
        const next = raised(state, write.by, [...new Set(redis.carriedOut + id)].sort().join(''))
        const beat = next.counts[write.by] ?? 0
        yield [`Redis carries write ${id} out and answers ${beat}`, become({ at: 'carried out', beat }, { ...state, redis: next })]
      }
      if (write.at === 'carried out') {
        const next = judged(become({ at: 'answered', floor: 0, meanwhile: [], beat: 0 }), write.by, write.beat, write)
        const found = next.processes[write.by]?.era !== process?.era
        yield [`process ${write.by} is answered ${write.beat}${found ? ' and finds a loss' : ''}`, next]
      }
      if (write.at === 'answered') {
        const again = has('eraOwes') && process?.era !== write.era
        yield [
          `write ${id} is marked as done${again ? ', and owed again' : ''}`,
          become(again ? IDLE : { ...IDLE, at: 'done', by: write.by }),
        ]
      }
    }
  }

  function* living(state: State): Generator<[string, State]> {
    const { writes, processes, left } = state
    for (const [p, process] of processes.entries()) {
      const become = (change: Partial<Process>, more: State = state): State => ({ ...more, processes: changed(more.processes, p, change) })
      const inTurn = processes.every(({ at, hasBeaten }, other) => other >= p || at !== 'alive' || hasBeaten)
      if (process.at === 'alive' && process.toNote >= 0) {
        const notes = [...process.notes, { count: process.toNote, age: 0 }]
        yield [`the last beat of process ${p} is noted late: ${process.toNote}`, become({ toNote: -1, notes })]
      } else if (process.at === 'alive' && !process.hasBeaten && inTurn && has('beats')) {
        const redis = raised(state, p)
        const beat = redis.counts[p] ?? 0
        const next = judged({ ...state, redis }, p, beat, { floor: process.acknowledged, era: process.era, meanwhile: [] })
        const { era = 0, acknowledged = 0, notes = [] } = next.processes[p] ?? {}
        const line = `process ${p} beats and is answered ${beat}${era === process.era ? '' : ', which tells of a loss'}`
        const beaten = { hasBeaten: true, hasBeatenSince: state.wentBack }
        yield [`${line}; that is noted`, become({ ...beaten, notes: [...notes, { count: acknowledged, age: 0 }] }, next)]
        if (bounds.lateNotes) yield [line, become({ ...beaten, toNote: acknowledged }, next)]
      }
      const mine = writes.some((write) => write.by === p && isUnderWay(write))
      const stops = { hasBeaten: false, hasBeatenSince: false, toNote: -1, acknowledged: 0, era: 0 }
      if (process.at === 'alive' && left.deaths > 0) {
        const orphaned = writes.map((write) => (write.by === p && isUnderWay(write) ? IDLE : write))
        yield [
          `process ${p} dies`,
          become({ ...stops, at: 'dead' }, { ...state, writes: orphaned, left: { ...left, deaths: left.deaths - 1 } }),
        ]
      }
      if (process.at === 'alive' && left.ends > 0 && !mine) {
        const next = has('handOver') ? owedAgain(state, HANDED_OVER) : state
        yield [`process ${p} ends`, become({ ...stops, at: 'gone' }, { ...next, left: { ...left, ends: left.ends - 1 } })]
      }
      if (process.at === 'dead' && processes.some(({ at }) => at === 'alive'))
        yield [`process ${p} is found dead`, become({ at: 'gone' }, has('burial') ? owedAgain(state, MINUTE) : state)]
      if (process.at === 'to come' && left.starts > 0 && (bounds.overlaps || processes.every(({ at }) => at !== 'alive'))) {
        const silence = Math.min(...processes.flatMap(({ notes }) => notes.map(({ age }) => age)), 9)
        const replayed = owedAgain(state, has('startReplays') ? silence + MINUTE : MINUTE)
        const compared = processes.reduce((next, { notes }, machine) => {
          const remembered = next.redis.counts[machine] ?? 0
          return has('startCompares') && notes.some(({ count }) => count > remembered) ? recovered(next, p, machine, remembered) : next
        }, replayed)
        const beaten = has('startBeats') ? raised(compared, p) : compared.redis
        const alive = { at: 'alive', hasBeatenSince: state.wentBack, acknowledged: beaten.counts[p] ?? 0 } as const
        yield [`process ${p} starts`, become(alive, { ...compared, redis: beaten, left: { ...left, starts: left.starts - 1 } })]
      }
    }
  }

  function* redisSteps(state: State): Generator<[string, State]> {
    const { redis, copy, left } = state
    if (left.losses > 0 && !copy) yield ['Redis is copied', { ...state, copy: redis }]
    if (left.losses > 0 && copy)
      yield [
        'Redis goes back to the copy',
        {
          ...state,
          redis: copy,
          copy: undefined,
          wentBack: true,
          processes: state.processes.map((process) => ({ ...process, hasBeatenSince: false })),
          left: { ...left, losses: left.losses - 1 },
        },
      ]
  }

  function* passing(state: State): Generator<[string, State]> {
    const { processes, left } = state
    const lives = processes.some(({ at }) => at === 'alive')
    const isDue = ({ at, hasBeaten }: Process): boolean => at === 'alive' && has('beats') && !hasBeaten
    const unseen = processes.some(({ at, era }) => at === 'dead' && era >= LEASE)
    if (left.ticks === 0 || processes.some(isDue) || (unseen && lives)) return
    yield [
      'a second passes',
      {
        ...state,
        writes: state.writes.map((write) => (write.at === 'done' ? { ...write, age: write.age + 1 } : write)),
        processes: processes.map((process) => ({
          ...process,
          hasBeaten: false,
          // Of the dead only their age is of interest.
          era: process.at === 'dead' && lives ? process.era + 1 : process.era,
          notes: process.notes.map(({ count, age }) => ({ count, age: age + 1 })),
        })),
        left: { ...left, ticks: left.ticks - 1 },
      },
    ]
  }

  /** Redis went back, somebody lives, and all who live had their say. */
  const isQuiet = ({ wentBack, writes, processes }: State): boolean =>
    wentBack &&
    processes.some(({ at }) => at === 'alive') &&
    processes.every(({ at, hasBeatenSince }) => at !== 'dead' && (at !== 'alive' || hasBeatenSince || !has('beats'))) &&
    !writes.some(isUnderWay)

  const { writes, processes, writers: _, lateNotes: __, overlaps: ___, ...left } = bounds
  return {
    start: {
      writes: Array.from({ length: writes }, () => IDLE),
      processes: Array.from({ length: processes + bounds.starts }, (_, p) => ({
        at: p < processes ? 'alive' : 'to come',
        acknowledged: 0,
        era: 0,
        hasBeaten: false,
        hasBeatenSince: false,
        toNote: -1,
        notes: [],
      })),
      redis: { carriedOut: '', counts: Array.from({ length: processes + bounds.starts }, () => 0), absent: false },
      copy: undefined,
      wentBack: false,
      left,
    },
    *steps(state) {
      if (state.left.losses === 0 && isQuiet(state)) return // what is not lost by now will not be
      yield* writing(state)
      yield* living(state)
      yield* redisSteps(state)
      yield* passing(state)
    },
    broken(state) {
      const { writes, redis } = state
      if (redis.absent || !isQuiet(state)) return undefined
      const lost = writes.findIndex(({ at }, w) => at === 'done' && !redis.carriedOut.includes(String(w)))
      return lost === -1 ? undefined : `write ${lost} is marked as done, Redis has lost it, and nobody has found out`
    },
  }
}

const SMALL: Bounds = {
  writes: 1,
  processes: 1,
  writers: 1,
  lateNotes: false,
  overlaps: false,
  starts: 0,
  deaths: 0,
  ends: 0,
  losses: 1,
  ticks: 1,
}
const TWO: Bounds = { ...SMALL, processes: 2 }

export const FAILOVER = protocol({
  name: 'failover',
  promise: 'a write that is marked as done and that Redis has lost is found and owed again when all who live have beaten',
  rules: RULES,
  shown: {
    beats: SMALL,
    replays: SMALL,
    sameCount: { ...SMALL, writes: 2 },
    everybody: { ...TWO, ends: 1, ticks: 3 },
    margin: { ...SMALL, lateNotes: true },
    eraOwes: SMALL,
    emptied: SMALL,
    burial: { ...TWO, deaths: 1 },
    handOver: { ...TWO, ends: 1 },
    startReplays: { ...SMALL, starts: 1, deaths: 1, ticks: 4 },
    startBeats: { ...SMALL, starts: 1, deaths: 1, ticks: 4 },
    startCompares: { ...SMALL, starts: 1, deaths: 1, ticks: 4 },
  },
  quick: {
    'one write, two processes, an end': { ...TWO, ends: 1 },
    'one write, two processes, a death': { ...TWO, deaths: 1 },
    'two writes, one process': { ...SMALL, writes: 2 },
    'one write, a process that dies and one that starts': { ...SMALL, deaths: 1, starts: 1, ticks: 4 },
  },
  whole: {
    'two writes, two processes that write': { ...TWO, writes: 2, writers: 2 },
    'one write, two processes, a death, a start': { ...TWO, overlaps: true, deaths: 1, starts: 1, ticks: 1 },
    'one write, two processes that write, an end': { ...TWO, writers: 2, ends: 1, ticks: 2 },
  },
  model: createModel,
})
