import type { Held } from './entry.ts'
import { createMapWeight, textBytes } from './weigh.ts'

/** What an entry costs beside its key, its value and its place in the map: the node, what it holds, and a life (bytes, measured). */
const OVERHEAD_BYTES = 264

/** A value and its place in one object: a hit that follows one pointer less is a fifth cheaper. */
interface Node extends Held<unknown> {
  readonly key: string
  readonly bytes: number
  gone: boolean
  visited: boolean
  newer: Node | undefined
  older: Node | undefined
}

/** The memory of an isolate, bounded in bytes. */
export interface MemoryTier {
  get(key: string): Held<unknown> | undefined
  set(key: string, held: Held<unknown>, valueBytes: number): void
  delete(key: string): void
  /** Forgets everything. */
  clear(): void
  /** What V8 holds for it, within 10 % where `valueBytes` is right. */
  readonly bytes: number
  readonly size: number
}

/**
 * SIEVE (Zhang et al., NSDI 2024): a hit sets a bit and moves nothing; eviction walks a hand from old to new over what was not
 * visited (docs/decisions/0008-l1-eviction.md). A value larger than a 64th of the budget is not kept, nor one whose weight is no number.
 */
export function createMemoryTier(maxBytes: number): MemoryTier {
  const nodes = new Map<string, Node>()
  const places = createMapWeight()
  let newest: Node | undefined
  let oldest: Node | undefined
  let hand: Node | undefined
  let total = 0

  function remove(node: Node): void {
    if (hand === node) hand = node.newer
    if (node.newer) node.newer.older = node.older
    else newest = node.older
    if (node.older) node.older.newer = node.newer
    else oldest = node.newer
    nodes.delete(node.key)
    node.gone = true
    places.deleted()
    total -= node.bytes
  }

  function evict(): void {
    let node = hand ?? oldest
    while (node?.visited) {
      node.visited = false
      node = node.newer ?? oldest
    }
    if (!node) return
    hand = node.newer
    remove(node)
  }

  return {
    get(key) {
      const node = nodes.get(key)
      if (!node) return undefined
      if (!node.visited) node.visited = true
      return node
    },
    set(key, held, valueBytes) {
      const bytes = Math.ceil(valueBytes) + textBytes(key) + OVERHEAD_BYTES // V8 boxes what is no small integer
      const known = nodes.get(key)
      if (!(valueBytes >= 0 && bytes <= maxBytes / 64)) {
        if (known) remove(known)
        return
      }
      if (known) {
        // A new node in the old one's place: readers may still be looking at that one.
        const node = nodeOf(key, held, bytes, known.visited, known.newer, known.older)
        if (known.newer) known.newer.older = node
        else newest = node
        if (known.older) known.older.newer = node
        else oldest = node
        if (hand === known) hand = node
        nodes.set(key, node)
        known.gone = true
        total += bytes - known.bytes
        while (total + places.bytes > maxBytes) evict()
      } else {
        while (total + places.bytesWithOneMore + bytes > maxBytes) evict()
        const node = nodeOf(key, held, bytes, false, undefined, newest)
        if (newest) newest.newer = node
        newest = node
        oldest ??= node
        nodes.set(key, node)
        places.added()
        total += bytes
      }
    },
    delete(key) {
      const node = nodes.get(key)
      if (node) remove(node)
    },
    clear() {
      for (const node of nodes.values()) node.gone = true
      nodes.clear()
      places.cleared()
      newest = oldest = hand = undefined
      total = 0
    },
    get bytes() {
      return total + places.bytes
    },
    get size() {
      return nodes.size
    },
  }
}

function nodeOf(
  key: string,
  { value, life, truth, stamp, verifiedAtMs, quietUntilMs }: Held<unknown>,
  bytes: number,
  visited: boolean,
  newer: Node | undefined,
  older: Node | undefined,
): Node {
  return { key, value, life, truth, stamp, verifiedAtMs, quietUntilMs, bytes, gone: false, visited, newer, older }
}
