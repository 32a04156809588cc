import type { MemoryTier } from '../../worker/cache/memory-tier.ts'
import type { SharedTier } from '../../worker/cache/ports.ts'
import type { Refresh } from '../../worker/cache/refresh.ts'

/** What an isolate's cache is made of. */
export interface IsolateParts {
  readonly memory: MemoryTier
  readonly shared: SharedTier
  readonly refresh: Refresh
}

/** A rule about how long memory may answer: wraps what an isolate is made of. */
export type Rule = (parts: IsolateParts) => IsolateParts

/** As it is: two seconds. */
export const asNow: Rule = (parts) => parts

/** Posts and profiles: the kinds that only an invalidation changes. */
const isShared = (key: string): boolean => key.startsWith('po:') || key.startsWith('us:')

/** How long an entry that nothing invalidated may be answered from memory: from the hard end on readers wait in any case. */
export type End = 'softExpiresAtMs' | 'hardExpiresAtMs'

/**
 * Lets memory answer when `verifiedAtMs` says later than the entry itself. What is refreshed meanwhile must still
 * replace it, so the wrapper stands aside while a refresh lands.
 */
function lenient(parts: IsolateParts, nowMs: () => number, verifiedAtMs: (key: string, truth: number) => number, until: End): IsolateParts {
  let landing = false
  return {
    ...parts,
    memory: {
      ...parts.memory,
      get(key) {
        const held = parts.memory.get(key)
        if (!held || landing || !isShared(key) || held.life[until] <= nowMs()) return held
        const atMs = verifiedAtMs(key, held.truth)
        return atMs > held.verifiedAtMs ? { ...held, verifiedAtMs: atMs } : held
      },
    },
    refresh: {
      ...parts.refresh,
      run(wants, report, observe) {
        const land: typeof report.land = (key, refreshed) => {
          landing = true
          try {
            report.land(key, refreshed)
          } finally {
            landing = false
          }
        }
        return parts.refresh.run(wants, { ...report, land }, observe)
      },
    },
  }
}

/** The upper bound of any journal: memory knows at once, and for nothing, what was invalidated. */
export const omniscient =
  (nowMs: () => number, truthOf: (key: string) => number, until: End): Rule =>
  (parts) =>
    lenient(parts, nowMs, (key, truth) => (truth >= truthOf(key) ? nowMs() : 0), until)

/** The counters of a journal in L2. */
export interface Journal {
  readonly slots: number
  /** What the world's other keys invalidate each second, beside what the replay itself does. */
  readonly othersPerS: number
  bump(key: string): void
  /** A copy of the counters now. */
  read(): Uint32Array
  slotOf(key: string): number
}

export function createJournal(slots: number, othersPerS: number, nowMs: () => number, random: () => number): Journal {
  const counters = new Uint32Array(slots)
  let nextAtMs = nowMs()
  const slotOf = (key: string): number => {
    let hash = 0x811c9dc5
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
    return (hash >>> 0) % slots
  }
  const bumpSlot = (slot: number): void => {
    counters[slot] = (counters[slot] ?? 0) + 1
  }
  return {
    slots,
    othersPerS,
    slotOf,
    bump: (key) => bumpSlot(slotOf(key)),
    read() {
      while (othersPerS > 0 && nextAtMs <= nowMs()) {
        bumpSlot(Math.floor(random() * slots))
        nextAtMs += (-Math.log(1 - random()) * 1_000) / othersPerS
      }
      return counters.slice()
    },
  }
}

/**
 * A journal read as one more key of each MGET: an entry counts as verified when its slot's counter is what it was when the entry came,
 * until its soft end, or, where stale ones may be served as well, its hard end.
 */
export const withJournal =
  (journal: Journal, nowMs: () => number, until: End): Rule =>
  (parts) => {
    let known = journal.read()
    let readAtMs = nowMs()
    /** Slot and counter of each entry that memory took. */
    const marks = new Map<string, number>()
    const { memory, refresh } = lenient(parts, nowMs, (key) => (marks.get(key) === known[journal.slotOf(key)] ? readAtMs : 0), until)
    return {
      refresh,
      memory: {
        ...memory,
        set(key, held, valueBytes) {
          if (isShared(key)) marks.set(key, known[journal.slotOf(key)] ?? 0)
          memory.set(key, held, valueBytes)
        },
      },
      shared: {
        ...parts.shared,
        async read(keys) {
          const startedAtMs = nowMs()
          const answer = await parts.shared.read(keys)
          known = journal.read()
          readAtMs = startedAtMs
          return answer
        },
      },
    }
  }
