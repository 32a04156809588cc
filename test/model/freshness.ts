import type { Lifetime } from '../../worker/cache/entry.ts'
import { freshnessAt, lifetimeFrom } from '../../worker/cache/freshness.ts'
import { type Cell, filled, invalidated, leased, newLease, pushed, type Value } from '../support/l2-rules.ts'
import type { Model } from './explore.ts'
import { protocol } from './protocol.ts'

/**
 * One key that changes once (a post is deleted, a profile or a relation changes, an entry is pushed), read in one isolate: its memory, a replica that
 * lags, loads of this isolate and another. Time passes in ticks; all moments are ticks from now, so that states that differ only in the date are one.
 */
interface State {
  /** How far the write is. `orphaned`: its process died before it told L2, and the client will repeat it. */
  readonly write: 'none' | 'early' | 'committed' | 'orphaned' | 'told' | 'acknowledged'
  /** Ticks since the acknowledgement, no longer counted when the promise is due; -1 before it. */
  readonly sinceAck: number
  /** The primary, what the replica shows, and what it has not applied yet. */
  readonly cell: Cell
  readonly replica: Value | undefined
  readonly pending: readonly { readonly value: Value | undefined; readonly age: number }[]
  /** What the isolate holds, and the ticks since the read or load that brought it began. */
  readonly memory: { readonly value: Value; readonly age: number } | undefined
  /** A read of the replica in the air: what it was answered, null for nothing. */
  readonly read: { readonly age: number; readonly answer: Value | null | undefined } | undefined
  readonly loads: readonly Load[]
  readonly left: { readonly crashes: number; readonly leaseEnds: number }
  /** What a reader was shown that he must not see. */
  readonly wrong: string | undefined
}

interface Load {
  readonly at: 'idle' | 'leased' | 'alone' | 'loaded' | 'done'
  readonly hasLease: boolean
  readonly age: number
  readonly value: Value | undefined
}

interface Bounds {
  /** How L2 is told: by a tombstone, by dropping the value, or by a push. */
  readonly kind: 'tombstone' | 'drop' | 'push'
  /** A write is on the replica before it is so old (ticks); memory answers while a value is younger; a load is given up when so old. */
  readonly lag: number
  readonly maxAge: number
  readonly loadDeadline: number
  readonly loads: number
  readonly crashes: number
  readonly leaseEnds: number
}

const RULES = {
  afterCommit: 'L2 is told after the commit',
  beforeAck: 'L2 is told before the acknowledgement',
  repeatFinishes: 'a repeated request finishes first what the one before left undone',
  voidsLease: 'an invalidation voids the lease',
  fillComparesTruth: 'a fill does not replace a newer truth',
  fillNeedsLease: 'a fill is refused unless its token holds the lease',
  maxAge: 'memory asks L2 again after its max age, however long the value lives',
  ageFromStart: 'that age is counted from the start of the read or load',
  loadDeadline: 'a load is given up in time',
  keepsNewer: 'memory keeps a newer truth when a replica answers an older one',
  token: 'a value below the version token is a miss, in memory and on a replica',
} as const
type Has = (rule: keyof typeof RULES) => boolean

/** The longest a reader may be shown the old value after the acknowledgement (ticks). */
const dueAt = ({ lag, maxAge, loadDeadline }: Bounds): number => Math.max(lag + maxAge - 1, loadDeadline + 1)

/** Longer than the promise: what is to be gone must not go by growing old. */
function lifeOf(bounds: Bounds, age: number): Lifetime {
  const due = dueAt(bounds)
  return lifetimeFrom({ softMs: 2, hardMs: due + 1, graceMs: 1, absentMs: 1 }, false, -age, 0, 0)
}
const later = (value: Value | undefined): Value | undefined => {
  if (!value || value.life.graceEndsAtMs <= 1) return undefined
  const { softExpiresAtMs: soft, hardExpiresAtMs: hard, graceEndsAtMs: grace } = value.life
  const life = { softExpiresAtMs: Math.max(0, soft - 1), hardExpiresAtMs: Math.max(0, hard - 1), graceEndsAtMs: grace - 1, deltaMs: 0 }
  return { ...value, life }
}

function createModel(bounds: Bounds, has: Has): Model<State> {
  const { kind } = bounds
  const due = dueAt(bounds)
  const isNew = (value: Value): boolean => (kind === 'push' ? (value.payload ?? '').includes('n') : value.truth > 1)
  const isYoung = (age: number): boolean => !has('maxAge') || age < bounds.maxAge
  const isShown = ({ life }: Value): boolean => freshnessAt(life, 0, 1, 0) !== 'dead'
  const tooOld = (value: Value | undefined, sinceAck: number): boolean => value !== undefined && !isNew(value) && sinceAck >= due

  /** What Postgres holds, as a load of this age brings it. */
  function loadedNow({ write }: State, age: number): Value {
    const changed = write !== 'none' && write !== 'early'
    const payload = kind === 'push' ? (changed ? 'on' : 'o') : changed ? 'new' : 'old'
    return { life: lifeOf(bounds, age), truth: changed && kind !== 'push' ? 2 : 1, stamp: 0, tail: 0, payload }
  }
  function withCell(state: State, cell: Cell): State {
    const value = cell.value && { ...cell.value, stamp: 0, tail: 0 }
    const isSame = JSON.stringify(value) === JSON.stringify(state.cell.value)
    return { ...state, cell: { value, lease: cell.lease }, pending: isSame ? state.pending : [...state.pending, { value, age: 0 }] }
  }
  function toldL2(state: State): State {
    const { cell } = state
    if (kind === 'push') return withCell(state, pushed(cell, 'n'))
    const tombstone = kind === 'tombstone' ? { life: lifeOf(bounds, 0), truth: 2, stamp: 0, tail: 0, payload: 'x' } : undefined
    const next = invalidated(cell, 2, tombstone)
    return withCell(state, { value: next.value, lease: has('voidsLease') ? next.lease : cell.lease })
  }
  /** `remember` and `knowsBetter` of worker/cache/sources.ts. */
  function remember(state: State, value: Value, age: number): State {
    const { memory } = state
    const known = memory?.value
    const better = memory && known && (known.truth > value.truth || (known.truth === value.truth && memory.age < age))
    if (better && has('keepsNewer')) return state
    const wentBack = known && kind !== 'push' && memory.age < bounds.maxAge && isNew(known) && !isNew(value)
    const wrong = wentBack ? 'this isolate showed the new value, and now shows the old one again' : state.wrong
    return { ...state, memory: { value, age: has('ageFromStart') ? age : 0 }, wrong }
  }
  function showTo(state: State, value: Value, who: string): State {
    return tooOld(value, state.sinceAck) ? { ...state, wrong: `${who} is shown the old value too long after the acknowledgement` } : state
  }
  /** What the writer reads with the token of the write: memory, replica, lease, origin. */
  function readWithToken(state: State): Value {
    const least = has('token') ? 2 : 0
    const { memory, replica, cell } = state
    if (memory && isYoung(memory.age) && memory.value.truth >= least) return memory.value
    if (replica && replica.truth >= least) return replica
    const { state: answer, shown } = leased(cell, { leastTruth: least, beatsSoftEndMs: 0, seenSoftEndMs: 0, seenStamp: 0 })
    return answer === 'fresher' && shown ? shown : loadedNow(state, 0)
  }

  function* writing(state: State): Generator<[string, State]> {
    const { write, left } = state
    const acknowledged = { write: 'acknowledged', sinceAck: 0 } as const
    const telling = kind === 'push' ? 'the push' : 'the invalidation'
    if (write === 'none' && has('afterCommit')) yield ['the write commits', { ...state, write: 'committed' }]
    if (write === 'none' && !has('afterCommit')) yield [`${telling} runs before the commit`, { ...toldL2(state), write: 'early' }]
    if (write === 'early') yield ['the write commits and is acknowledged', { ...state, ...acknowledged }]
    if (write === 'committed' && has('beforeAck')) yield [`${telling} runs`, { ...toldL2(state), write: 'told' }]
    if (write === 'committed' && !has('beforeAck')) yield ['the write is acknowledged before L2 is told', { ...state, ...acknowledged }]
    if (write === 'told') yield ['the write is acknowledged', { ...state, ...acknowledged }]
    if (write === 'committed' && left.crashes > 0)
      yield ['its process dies before L2 is told', { ...state, write: 'orphaned', left: { ...left, crashes: left.crashes - 1 } }]
    if (write === 'orphaned' && has('repeatFinishes')) yield [`the client repeats it: ${telling} runs`, { ...toldL2(state), write: 'told' }]
    if (write === 'orphaned' && !has('repeatFinishes'))
      yield ['the client repeats it and is told that it was done', { ...state, ...acknowledged }]
  }

  function* reading(state: State): Generator<[string, State]> {
    const { read, pending, memory } = state
    const [next, ...rest] = pending
    if (next) yield ['the replica applies a write', { ...state, replica: next.value, pending: rest }]
    if (!read) yield ['a read of the replica begins', { ...state, read: { age: 0, answer: undefined } }]
    if (read && read.answer === undefined) yield ['the replica answers', { ...state, read: { ...read, answer: state.replica ?? null } }]
    if (read && read.answer !== undefined) {
      const landed = { ...state, read: undefined }
      // `forgetOlder`: what memory had is not served any more, unless the replica may just not have it yet.
      const forgets = memory !== undefined && memory.age - bounds.lag >= read.age
      if (read.answer === null) yield ['the answer arrives: nothing', forgets ? { ...landed, memory: undefined } : landed]
      else
        yield [
          `the answer arrives: ${told(read.answer)}`,
          remember(showTo(landed, read.answer, 'a reader of the replica'), read.answer, read.age),
        ]
    }
  }

  function* loading(state: State): Generator<[string, State]> {
    const { cell, loads, left } = state
    for (const [i, load] of loads.entries()) {
      const become = (change: Partial<Load>, more: State = state): State => ({
        ...more,
        loads: loads.map((one, j) => (i === j ? { ...one, ...change } : one)),
      })
      if (load.at === 'idle' && (i === 0 || loads[i - 1]?.at !== 'idle')) {
        const seen = cell.value?.life.softExpiresAtMs ?? 0
        const granted = leased(cell, { leastTruth: 0, beatsSoftEndMs: seen, seenSoftEndMs: seen, seenStamp: 0 }).state === 'granted'
        if (granted)
          yield [
            `load ${i} gets the lease`,
            become({ at: 'leased', hasLease: true }, { ...state, cell: { ...cell, lease: newLease(`${i}`) } }),
          ]
        else yield [`load ${i} is refused the lease and goes alone`, become({ at: 'alone' })]
      }
      if (load.at === 'leased' || load.at === 'alone')
        yield [`load ${i} reads Postgres`, become({ at: 'loaded', value: loadedNow(state, load.age) })]
      if (load.at === 'loaded' && load.value) {
        const shown = showTo(state, load.value, `who waited for load ${i}`)
        const done = become({ at: 'done', hasLease: false, age: 0, value: undefined }, shown)
        if (!load.hasLease) {
          yield [`load ${i} lands: ${told(load.value)}`, done]
          // What was loaded while L2 could not be reached is kept. The promise does not depend on it.
          yield [`load ${i} lands and is kept: ${told(load.value)}`, remember(done, load.value, load.age)]
          continue
        }
        const lease = has('fillNeedsLease') ? cell.lease : { ...(cell.lease ?? newLease('')), token: `${i}` }
        const value = has('fillComparesTruth') ? cell.value : cell.value && { ...cell.value, truth: 0 }
        const after = filled({ value, lease }, load.value, `${i}`)
        if (!after.filled) yield [`load ${i} is refused its fill`, done]
        else {
          const stored = after.cell.value ?? load.value
          yield [`load ${i} fills: ${told(stored)}`, remember(withCell(done, after.cell), { ...stored, stamp: 0, tail: 0 }, load.age)]
        }
      }
    }
    if (cell.lease && left.leaseEnds > 0)
      yield ['the lease ends', { ...state, cell: { ...cell, lease: undefined }, left: { ...left, leaseEnds: left.leaseEnds - 1 } }]
  }

  /** A tick, once the replica has applied what it must have by then. What is too long in the air is given up. */
  function* passing(state: State): Generator<[string, State]> {
    const { memory, read, pending, sinceAck } = state
    if (pending.some(({ age }) => age + 1 >= bounds.lag)) return
    const kept = memory && later(memory.value)
    const oldest = has('maxAge') ? bounds.maxAge + bounds.lag : bounds.maxAge
    yield [
      'a tick passes',
      {
        ...state,
        sinceAck: sinceAck < 0 ? sinceAck : Math.min(due, sinceAck + 1),
        cell: { ...state.cell, value: later(state.cell.value) },
        replica: later(state.replica),
        pending: pending.map(({ value, age }) => ({ value: later(value), age: age + 1 })),
        memory: kept && memory && { value: kept, age: Math.min(oldest, memory.age + 1) },
        read: read && read.age < 1 ? { age: read.age + 1, answer: read.answer && (later(read.answer) ?? null) } : undefined,
        loads: state.loads.map((load): Load => {
          if (load.at === 'idle' || load.at === 'done') return load
          const age = load.age + 1
          if (age > bounds.loadDeadline && has('loadDeadline')) return { at: 'done', hasLease: false, age: 0, value: undefined }
          return { ...load, age: Math.min(age, bounds.loadDeadline + 1), value: load.value && later(load.value) }
        }),
      },
    ]
  }

  const before: Value = { life: lifeOf(bounds, 0), truth: 1, stamp: 0, tail: 0, payload: kind === 'push' ? 'o' : 'old' }
  return {
    start: {
      write: 'none',
      sinceAck: -1,
      cell: { value: before, lease: undefined },
      replica: before,
      pending: [],
      memory: undefined,
      read: undefined,
      loads: Array.from({ length: bounds.loads }, () => ({ at: 'idle', hasLease: false, age: 0, value: undefined })),
      left: { crashes: bounds.crashes, leaseEnds: bounds.leaseEnds },
      wrong: undefined,
    },
    *steps(state) {
      yield* writing(state)
      yield* reading(state)
      yield* loading(state)
      yield* passing(state)
    },
    broken(state) {
      const { memory, sinceAck } = state
      if (state.wrong) return state.wrong
      if (memory && isYoung(memory.age) && isShown(memory.value) && tooOld(memory.value, sinceAck))
        return 'memory shows the old value too long after the acknowledgement'
      if (sinceAck >= 0 && kind !== 'push' && !isNew(readWithToken(state)))
        return 'the writer does not see the write, in spite of the token'
      return undefined
    },
  }
}

const told = ({ payload }: Value): string => (payload === 'old' || payload === 'o' ? 'the old value' : 'the new value')

const SMALL: Bounds = { kind: 'drop', lag: 1, maxAge: 2, loadDeadline: 2, loads: 1, crashes: 0, leaseEnds: 0 }

export const FRESHNESS = protocol({
  name: 'freshness',
  promise: 'the old value is shown no longer than lag and max age after the acknowledgement, and at once not to the writer',
  rules: RULES,
  fences: [[['voidsLease', 'fillComparesTruth'], { ...SMALL, kind: 'tombstone' }]],
  shown: {
    afterCommit: SMALL,
    beforeAck: { ...SMALL, loads: 0 },
    repeatFinishes: { ...SMALL, loads: 0, crashes: 1 },
    fillNeedsLease: { ...SMALL, leaseEnds: 1 },
    maxAge: { ...SMALL, loads: 0 },
    ageFromStart: { ...SMALL, lag: 2 },
    loadDeadline: SMALL,
    keepsNewer: { ...SMALL, lag: 2 },
    token: { ...SMALL, loads: 0 },
  },
  quick: {
    'a drop, lag and max age of two ticks, a load': { ...SMALL, lag: 2, leaseEnds: 1 },
    'a tombstone, a load': { ...SMALL, kind: 'tombstone', leaseEnds: 1 },
    'a push, a load': { ...SMALL, kind: 'push', leaseEnds: 1 },
  },
  whole: {
    'a drop, ticks of half a second (lag 1 s, max age 2 s, loads of 2 s)': { ...SMALL, lag: 2, maxAge: 4, loadDeadline: 4, leaseEnds: 1 },
    'a drop, two loads': { ...SMALL, lag: 2, loads: 2, leaseEnds: 1 },
    'a tombstone, two loads': { ...SMALL, kind: 'tombstone', lag: 2, loads: 2, leaseEnds: 1 },
    'a push, two loads': { ...SMALL, kind: 'push', lag: 2, loads: 2, leaseEnds: 1 },
  },
  model: createModel,
})
