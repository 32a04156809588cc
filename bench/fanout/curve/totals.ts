import type { Mode, Routing } from './replay.ts'
import { modeOf } from './replay.ts'
import type { Work } from './work.ts'

/** Posts of a day by authors of like fame. */
export interface Band {
  /** Followers, at least; each band ends where the next begins. */
  readonly least: number
  readonly posts: number
  /** Enrolled followers of their authors, summed over the posts: what a push writes, and what a hot post's chunks look at. */
  readonly edges: number
}

/** What a part of a day's work costs for one unit of it, and how many units there are. */
export interface Part {
  readonly count: number
  readonly each: Work
}
export const PARTS = ['rows', 'trim', 'hot', 'pull', 'fills', 'lists', 'merges'] as const
export type Parts = Readonly<Record<(typeof PARTS)[number], Part>>

export const NO_WORK: Work = { cpuS: 0, walBytes: 0, redisCpuS: 0 }
export const NOTHING: Part = { count: 0, each: NO_WORK }

export const scaled = (work: Work, factor: number): Work => ({
  cpuS: work.cpuS * factor,
  walBytes: work.walBytes * factor,
  redisCpuS: work.redisCpuS * factor,
})
export const added = (works: readonly Work[]): Work =>
  works.reduce((a, b) => ({ cpuS: a.cpuS + b.cpuS, walBytes: a.walBytes + b.walBytes, redisCpuS: a.redisCpuS + b.redisCpuS }), NO_WORK)

/** What posts of a band cost, each way. */
export interface BandWork {
  readonly band: Band
  /** Of all posts of the band. */
  readonly work: Readonly<Record<Mode, Work>>
}

/** The work of fan-out under a routing: every band goes one way. `trimEach`: for a row that makes another one leave. */
export function fanoutOf(routing: Routing, bands: readonly BandWork[], trimEach: Work): Pick<Parts, 'rows' | 'trim' | 'hot' | 'pull'> {
  const by = (mode: Mode): Part => {
    const those = bands.filter(({ band }) => modeOf(routing, band.least) === mode)
    const count = those.reduce((sum, { band }) => sum + (mode === 'pull' ? band.posts : band.edges), 0)
    return count === 0 ? NOTHING : { count, each: scaled(added(those.map(({ work }) => work[mode])), 1 / count) }
  }
  const rows = by('push')
  return { rows, trim: { count: rows.count, each: trimEach }, hot: by('hot'), pull: by('pull') }
}

/** Authors with so many followers are big enough for their jobs themselves not to matter. */
const BIG = 300

/**
 * What one follower more costs: a row and the one that leaves for it, or a look at an edge of a hot post, without the job, which a pulled post has as well.
 */
export function perFollower(bands: readonly BandWork[], trimEach: Work): { readonly row: Work; readonly hot: Work } {
  const big = bands.filter(({ band }) => band.least >= BIG)
  const edges = big.reduce((sum, { band }) => sum + band.edges, 0)
  const over = (mode: 'push' | 'hot') => added(big.flatMap(({ work }) => [scaled(work[mode], 1 / edges), scaled(work.pull, -1 / edges)]))
  return { row: added([over('push'), trimEach]), hot: over('hot') }
}

/** Reads for each post, in the activity that was measured. */
export const RATIO = 50
const OF_FANOUT: readonly string[] = ['rows', 'trim', 'hot', 'pull']

/**
 * All of it, at another ratio of reads to posts: the same reads, and so many times the posts. Fan-out is in proportion to posts; fills and lists are
 * loaded as often as before.
 */
export const workAt = (parts: Parts, ratio = RATIO): Work =>
  added(PARTS.map((name) => scaled(parts[name].each, parts[name].count * (OF_FANOUT.includes(name) ? RATIO / ratio : 1))))

/** Database work: CPU, and for each byte of WAL what a standby pays to apply it (CPU seconds). */
export const databaseWorkOf = ({ cpuS, walBytes }: Work, walPriceS: number): number => cpuS + walBytes * walPriceS

/** Where a curve is lowest; how far those on it may be above that. */
export function minimumOf<K>(curve: ReadonlyMap<K, number>): { readonly at: K; readonly value: number } {
  let found: { at: K; value: number } | undefined
  for (const [at, value] of curve) if (!found || value < found.value) found = { at, value }
  if (!found) throw new Error('a curve has no points')
  return found
}

/**
 * How many enrolled followers an author has whose posts cost the same pushed as pulled. Pushed, each post costs a row for each of them; pulled, the author's list is
 * loaded at most once in its soft life however many read it, and so often it is once it has a few hundred readers.
 */
export const evenFollowers = (listWork: number, listLoadsADay: number, rowWork: number, postsADay: number): number =>
  (listWork * listLoadsADay) / (rowWork * postsADay)
