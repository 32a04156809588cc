import type { Layer } from '../../worker/cache/events.ts'

/** What one read waited for. */
export interface ReadCost {
  readonly kind: 'feed' | 'author' | 'post'
  /** Turns that waited for a read of L2. */
  sharedWaits: number
  /** Turns that waited for a load: lease, load and fill. */
  originWaits: number
}

/** What all reads of a replay cost together. */
export interface Costs {
  reads: number
  feeds: number
  sharedWaits: number
  feedSharedWaits: number
  originWaits: number
  /** Reads that waited for nothing. */
  whollyMemory: number
  mgets: number
  mgetBytes: number
  scripts: number
  loads: number
  invalidations: number
  readonly answers: Map<string, { all: number; memory: number }>
  /** Books where a key was answered from. */
  answer(kind: string, layer: Layer | undefined): void
  book(cost: ReadCost): void
}

export function createCosts(): Costs {
  const costs: Costs = {
    reads: 0,
    feeds: 0,
    sharedWaits: 0,
    feedSharedWaits: 0,
    originWaits: 0,
    whollyMemory: 0,
    mgets: 0,
    mgetBytes: 0,
    scripts: 0,
    loads: 0,
    invalidations: 0,
    answers: new Map(),
    answer(kind, layer) {
      const known = costs.answers.get(kind) ?? { all: 0, memory: 0 }
      known.all++
      if (layer === 'memory') known.memory++
      costs.answers.set(kind, known)
    },
    book({ kind, sharedWaits, originWaits }) {
      costs.reads++
      costs.sharedWaits += sharedWaits
      costs.originWaits += originWaits
      if (sharedWaits + originWaits === 0) costs.whollyMemory++
      if (kind === 'feed') {
        costs.feeds++
        costs.feedSharedWaits += sharedWaits
      }
    },
  }
  return costs
}
