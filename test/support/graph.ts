import { createReadStream, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Edge, readEdges } from '../../dev/edges.ts'
import { mulberry32 } from './random.ts'

const SLASHDOT = fileURLToPath(new URL('../../../shared/data/soc-Slashdot0902.txt.gz', import.meta.url))

/** A follow graph for tests: Slashdot's where it is at hand, otherwise one of the same shape, made from a seed. Says which. */
export function followGraph(seed: number): { readonly name: string; readonly edges: AsyncIterable<readonly Edge[]> } {
  if (existsSync(SLASHDOT))
    return { name: 'Slashdot, February 2009', edges: readEdges(createReadStream(SLASHDOT), 'soc-Slashdot0902.txt.gz') }
  return { name: `generated, power law, seed ${seed}`, edges: powerLaw(seed, 20_000, 200_000) }
}

/** Follows whose followees are drawn by a power law: a few are followed by thousands, the median by a handful. */
async function* powerLaw(seed: number, users: number, follows: number): AsyncGenerator<Edge[]> {
  const random = mulberry32(seed)
  const drawn = () => `g${Math.floor(users * random() ** 3.2)}`
  for (let made = 0; made < follows; made += 10_000) {
    yield Array.from({ length: 10_000 }, (): Edge => [`g${Math.floor(users * random() ** 1.4)}`, drawn()])
  }
}
