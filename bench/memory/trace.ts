import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { mulberry32 } from '../../dev/random.ts'
import { drawer } from '../../dev/simulate/chance.ts'

/** Popularity and sizes of a cache's keys. Sizes are of values, in bytes. */
export interface Shape {
  readonly name: string
  /** So many keys each have this weight; the most popular first. */
  readonly popularity: readonly { readonly keys: number; readonly weight: number }[]
  readonly sizes: readonly { readonly bytes: number; readonly weight: number }[]
  /** Share of reads of a key that nobody reads again. */
  readonly oneHits: number
}

/** Reads in their order: places in `keys`. What lies beyond `known` is read once. */
export interface Trace {
  readonly keys: readonly string[]
  readonly bytes: Float64Array
  readonly known: number
  readonly reads: Int32Array
}

const popularitySchema = z.object({ oneHits: z.number(), popularityBuckets: z.array(z.number()), popularityWeights: z.array(z.number()) })
const sizesSchema = z.object({ valSizeRange: z.array(z.number()), valSizeRangeProbability: z.array(z.number()) })

/** A cache as CacheLib's cachebench describes it in its `.pop.json` and `.sizes.json`. */
export async function readShape(folder: string, name: string): Promise<Shape> {
  const read = async (end: string): Promise<unknown> => JSON.parse(await readFile(join(folder, `${name}.${end}.json`), 'utf8'))
  const { oneHits, popularityBuckets, popularityWeights } = popularitySchema.parse(await read('pop'))
  const { valSizeRange, valSizeRangeProbability } = sizesSchema.parse(await read('sizes'))
  return {
    name,
    oneHits,
    popularity: popularityBuckets.map((keys, at) => ({ keys, weight: (popularityWeights[at] ?? 0) / keys })),
    sizes: valSizeRange.map((bytes, at) => ({ bytes, weight: valSizeRangeProbability[at] ?? 0 })),
  }
}

/** Where that data is not at hand: Zipf's law and log-normal sizes near to theirs. */
export function generatedShape(
  name: string,
  { alpha, medianBytes, spread, oneHits }: { alpha: number; medianBytes: number; spread: number; oneHits: number },
): Shape {
  const popularity = Array.from({ length: 400 }, (_, at) => {
    const [from, to] = [1.045 ** at, 1.045 ** (at + 1)]
    return { keys: Math.max(1, Math.round(to - from)), weight: ((from + to) / 2) ** -alpha }
  })
  const sizes = Array.from({ length: 99 }, (_, at) => {
    const p = (at + 0.5) / 99
    return { bytes: Math.round(medianBytes * Math.exp(spread * Math.log(p / (1 - p)))), weight: 1 }
  })
  return { name, popularity, sizes, oneHits }
}

interface TraceOptions {
  readonly keys: number
  readonly reads: number
  readonly seed: number
  /** Share of reads that belong to scans: rows of keys whatever their popularity, as of a reader who scrolls far down, or a crawler. */
  readonly scans: number
}
const SCAN = 500

/**
 * Independent reads of `keys` keys, every so many-th of the real ones by rank: a sample of the keys keeps the shape of the whole at a
 * cache of the same share of its bytes (Waldspurger et al., FAST 2015).
 */
export function traceOf(shape: Shape, options: TraceOptions): Trace {
  const random = mulberry32(options.seed)
  const total = shape.popularity.reduce((sum, { keys }) => sum + keys, 0)
  const weights = new Float64Array(options.keys)
  let bucket = 0
  let end = shape.popularity[0]?.keys ?? 0
  for (let key = 0; key < options.keys; key++) {
    const rank = ((key + 0.5) * total) / options.keys
    while (rank >= end && bucket < shape.popularity.length - 1) end += shape.popularity[++bucket]?.keys ?? 0
    weights[key] = shape.popularity[bucket]?.weight ?? 0
  }
  const drawKey = drawer([...weights])
  const drawSize = drawer(shape.sizes.map(({ weight }) => weight))
  const reads = new Int32Array(options.reads)
  let next = options.keys
  for (let at = 0; at < options.reads; ) {
    if (random() < options.scans / SCAN) {
      for (let i = 0; i < SCAN && at < options.reads; i++) reads[at++] = Math.floor(random() * options.keys)
    } else reads[at++] = random() < shape.oneHits ? next++ : drawKey(random())
  }
  const keys = Array.from({ length: next }, (_, at) => `po:${1_500_000_000_000_000_000n + BigInt(at) * 4_194_304n}:public`)
  const bytes = Float64Array.from({ length: next }, () => shape.sizes[drawSize(random())]?.bytes ?? 0)
  return { keys, bytes, known: options.keys, reads }
}
