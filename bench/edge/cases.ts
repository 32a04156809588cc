import type { Batch } from './load.ts'
import type { World } from './world.ts'

/** One kind of read: what to ask, and which layers may answer. */
export interface Case {
  readonly name: string
  /** At most so many times the CPU of a constant body of the same size; undefined where nothing is promised. */
  readonly bar: number | undefined
  readonly asks: Batch['asks']
  /** Answered on the way, not measured: brings what the case says is warm. */
  readonly warmUp: Batch['asks']
  /** Milliseconds the same asks are repeated; undefined where each is asked once. */
  readonly forMs: number | undefined
  /** Parts an answer takes from L2: at least and at most, on average. */
  readonly shared: readonly [least: number, most: number]
}

const FEED = '/v1/feed/following?limit=20'
/** Readers who make the shared parts warm, and are not measured. */
const FORERUNNERS = 150

export function casesOf(world: World, sliceMs: number): readonly Case[] {
  const hit = (name: string, bar: number, ask: Batch['asks'][number]): Case => ({
    name,
    bar,
    asks: [ask],
    warmUp: Array.from({ length: 500 }, () => ask),
    forMs: sliceMs,
    shared: [0, 0.1],
  })
  const fromL2 = (name: string, bar: number | undefined, readers: World['usual']): Case => {
    const asks = readers.map(({ token }) => ({ path: FEED, token }))
    return { name, bar, asks: asks.slice(FORERUNNERS), warmUp: asks.slice(0, FORERUNNERS), forMs: undefined, shared: [2.9, 6] }
  }
  return [
    hit('author page from L1', 1.25, { path: `/v1/users/${world.author}/posts?limit=20` }),
    hit('single post from L1', 1.25, { path: `/v1/posts/${world.post}` }),
    hit('personal page from L1 parts', 1.7, { path: FEED, token: world.usual[0]?.token }),
    fromL2('timeline of 200 from L2, rest from L1', 4, world.usual),
    fromL2('timeline of 800 from L2, rest from L1', undefined, world.full),
  ]
}
