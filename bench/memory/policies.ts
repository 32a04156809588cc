import { createMemoryTier } from '../../worker/cache/memory-tier.ts'
import { createMapWeight, textBytes } from '../../worker/cache/weigh.ts'
import { type Node, newNode, Queue } from './queue.ts'
import { createSketch } from './sketch.ts'

/** A cache bounded in bytes. */
export interface Policy {
  get(key: string): unknown
  set(key: string, value: unknown, valueBytes: number): void
  /** What it counts as held. */
  readonly bytes: number
}
export type CreatePolicy = (maxBytes: number) => Policy

const LIFE = { softExpiresAtMs: 0, hardExpiresAtMs: 0, graceEndsAtMs: 0, deltaMs: 0 }

/** Ours, as the worker uses it. */
const sieve: CreatePolicy = (maxBytes) => {
  const tier = createMemoryTier(maxBytes)
  return {
    get: (key) => tier.get(key)?.value,
    set: (key, value, valueBytes) => tier.set(key, { value, life: LIFE, truth: 0, stamp: 0, verifiedAtMs: 0, quietUntilMs: 0 }, valueBytes),
    get bytes() {
      return tier.bytes
    },
  }
}

/** What a policy decides; `framed` does the rest. */
interface Order {
  hit(node: Node): void
  admit(node: Node): void
  /** Takes one entry out of the order and answers it. */
  evict(): Node | undefined
}

/** Map, bytes and the limit on large values as in ours, so that policies differ in their order alone. */
const framed =
  (createOrder: (maxBytes: number) => Order): CreatePolicy =>
  (maxBytes) => {
    const nodes = new Map<string, Node>()
    const places = createMapWeight()
    const order = createOrder(maxBytes)
    let total = 0
    function makeRoom(bytes: number): void {
      while (total + places.bytes + bytes > maxBytes) {
        const victim = order.evict()
        if (!victim) return
        nodes.delete(victim.key)
        places.deleted()
        total -= victim.bytes
      }
    }
    return {
      get(key) {
        const node = nodes.get(key)
        if (!node) return undefined
        order.hit(node)
        return node.value
      },
      set(key, value, valueBytes) {
        const bytes = valueBytes + textBytes(key) + 304
        if (bytes > maxBytes / 64) return
        const known = nodes.get(key)
        if (known) {
          known.value = value
          return
        }
        const node = newNode(key, value, bytes)
        nodes.set(key, node)
        places.added()
        total += bytes
        order.admit(node)
        makeRoom(0)
      },
      get bytes() {
        return total + places.bytes
      },
    }
  }

const takeOldest = (queue: Queue): Node | undefined => {
  const { oldest } = queue
  if (oldest) queue.remove(oldest)
  return oldest
}

/** Least recently used, by a linked list: a Map used as one costs more. */
const lru = framed(() => {
  const queue = new Queue()
  return {
    hit(node) {
      if (queue.newest === node) return
      queue.remove(node)
      queue.push(node)
    },
    admit: (node) => queue.push(node),
    evict: () => takeOldest(queue),
  }
})

/** First in, first out. */
const fifo = framed(() => {
  const queue = new Queue()
  return { hit() {}, admit: (node) => queue.push(node), evict: () => takeOldest(queue) }
})

/** Second chance: what was visited goes around once more. */
const clock = framed(() => {
  const queue = new Queue()
  return {
    hit(node) {
      node.freq = 1
    },
    admit: (node) => queue.push(node),
    evict() {
      for (let node = takeOldest(queue); node; node = takeOldest(queue)) {
        if (node.freq === 0) return node
        node.freq = 0
        queue.push(node)
      }
      return undefined
    },
  }
})

/** S3-FIFO (Yang et al., SOSP 2023): a small queue of a tenth, a main queue, and a ghost of what left the small one. */
const s3fifo = framed((maxBytes) => {
  const small = new Queue()
  const main = new Queue()
  const ghost = new Set<string>()
  let inMain = 0
  function evictSmall(): Node | undefined {
    for (let node = takeOldest(small); node; node = takeOldest(small)) {
      if (node.freq > 1) {
        node.freq = 0
        main.push(node)
        inMain++
        continue
      }
      ghost.add(node.key)
      if (ghost.size > Math.max(inMain, 100))
        for (const oldest of ghost) {
          ghost.delete(oldest)
          break
        }
      return node
    }
    return undefined
  }
  function evictMain(): Node | undefined {
    for (let node = takeOldest(main); node; node = takeOldest(main)) {
      if (node.freq === 0) {
        inMain--
        return node
      }
      node.freq--
      main.push(node)
    }
    return undefined
  }
  return {
    hit(node) {
      if (node.freq < 3) node.freq++
    },
    admit(node) {
      if (!ghost.delete(node.key)) return small.push(node)
      inMain++
      main.push(node)
    },
    evict: () => (small.bytes > maxBytes / 10 ? (evictSmall() ?? evictMain()) : (evictMain() ?? evictSmall())),
  }
})

/** W-TinyLFU (Einziger, Friedman and Manes, ACM TOS 2017): a window of a hundredth, then admission by frequency to a segmented LRU. */
const wTinyLfu = framed((maxBytes) => {
  const window = new Queue()
  const probation = new Queue()
  const guarded = new Queue()
  const sketch = createSketch(maxBytes / 500)
  let candidate: Node | undefined
  const move = (node: Node, to: Queue): void => {
    node.queue?.remove(node)
    to.push(node)
  }
  return {
    hit(node) {
      sketch.note(node.key)
      if (node.queue === window) return move(node, window)
      move(node, guarded)
      while (guarded.bytes > maxBytes * 0.79 && guarded.oldest) move(guarded.oldest, probation)
    },
    admit(node) {
      sketch.note(node.key)
      window.push(node)
      while (window.bytes > maxBytes / 100 && window.oldest) {
        candidate = window.oldest
        move(candidate, probation)
      }
    },
    evict() {
      const victim = probation.oldest
      if (!victim) return takeOldest(guarded) ?? takeOldest(window)
      const newcomer = candidate?.queue === probation ? candidate : undefined
      const loser = newcomer && sketch.of(newcomer.key) <= sketch.of(victim.key) ? newcomer : victim
      probation.remove(loser)
      loser.queue = undefined
      return loser
    },
  }
})

export const POLICIES: Readonly<Record<string, CreatePolicy>> = {
  SIEVE: sieve,
  LRU: lru,
  FIFO: fifo,
  CLOCK: clock,
  'S3-FIFO': s3fifo,
  'W-TinyLFU': wTinyLfu,
}
