import type { MemoryTier } from '../../worker/cache/memory-tier.ts'
import type { SharedTier } from '../../worker/cache/ports.ts'
import type { Sources } from '../../worker/cache/sources.ts'

/** A rule about how long memory may answer: wraps what an isolate's cache is made of. */
export interface Rule {
  readonly memory: (memory: MemoryTier) => MemoryTier
  readonly shared: (shared: SharedTier) => SharedTier
  readonly sources: (sources: Sources) => Sources
}

/** As it is: two seconds. */
export const asNow: Rule = { memory: (memory) => memory, shared: (shared) => shared, sources: (sources) => sources }

/** Posts and profiles: the kinds that only an invalidation changes. */
const isShared = (key: string): boolean => key.startsWith('po:') || key.startsWith('us:')

/** How long an entry that nothing invalidated may be answered from memory: from the hard end on readers wait in any case. */
export type End = 'softExpiresAtMs' | 'hardExpiresAtMs'

/** Lets memory answer where `verifiedAtMs` says later than the entry itself, until one of its ends. */
const lenient =
  (nowMs: () => number, verifiedAtMs: (key: string, truth: number) => number, until: End) =>
  (sources: Sources): Sources => ({
    ...sources,
    recall(key) {
      const held = sources.recall(key)
      if (!held || !isShared(key) || held.life[until] <= nowMs()) return held
      const atMs = verifiedAtMs(key, held.truth)
      return atMs > held.verifiedAtMs ? { ...held, verifiedAtMs: atMs } : held
    },
  })

/** The upper bound of any journal: memory knows at once, and for nothing, what was invalidated. */
export const omniscient = (nowMs: () => number, truthOf: (key: string) => number, until: End): Rule => ({
  ...asNow,
  sources: lenient(nowMs, (key, truth) => (truth >= truthOf(key) ? nowMs() : 0), until),
})

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
export function withJournal(journal: Journal, nowMs: () => number, until: End): Rule {
  let known = journal.read()
  let readAtMs = nowMs()
  /** The counter of each entry's slot when memory took it. */
  const marks = new Map<string, number>()
  return {
    memory: (memory) => ({
      ...memory,
      set(key, held, valueBytes) {
        if (isShared(key)) marks.set(key, known[journal.slotOf(key)] ?? 0)
        memory.set(key, held, valueBytes)
      },
    }),
    shared: (shared) => ({
      ...shared,
      async read(keys) {
        const startedAtMs = nowMs()
        const answer = await shared.read(keys)
        known = journal.read()
        readAtMs = startedAtMs
        return answer
      },
    }),
    sources: lenient(nowMs, (key) => (marks.get(key) === known[journal.slotOf(key)] ? readAtMs : 0), until),
  }
}
