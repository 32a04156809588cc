import { sql } from 'drizzle-orm'
import { firstIdAt } from '../../../contract/ids.ts'
import { mulberry32 } from '../../../dev/random.ts'
import { type Database, idArray, textArray } from '../../../origin/db/client.ts'
import { TRIM_SHARE } from '../../../origin/db/jobs.ts'
import { trimTimelines } from '../../../origin/db/timelines.ts'
import type { Delivery } from '../../../origin/fanout/deliver.ts'
import { drainWith } from '../sides.ts'
import type { Activity } from './activity.ts'
import type { FollowGraph } from './graph.ts'
import type { Mode } from './replay.ts'
import { type Band, type BandWork, NO_WORK, scaled } from './totals.ts'
import type { Meter, Work } from './work.ts'

/** A job costs about as much as so many rows: samples are weighed by edges and jobs, so that a band's few big authors do not sway it. */
const JOB_EDGES = 30
const CAP = 800

/** A post's fan-out alone, and how many of the day's posts it stands for. */
export interface Delivered {
  readonly least: number
  readonly mode: Mode
  readonly ms: number
  readonly posts: number
}

interface World {
  readonly db: Database
  readonly delivery: Pick<Delivery, 'push' | 'resting'>
  readonly meter: Meter
  readonly graph: FollowGraph
  readonly activity: Activity
  readonly ids: BigInt64Array
  /** Authors of the day's posts. */
  readonly posts: Int32Array
  readonly levels: readonly number[]
  /** Edges of a sample, about. */
  readonly sampleEdges: number
  /** Posts of a band that are timed alone. */
  readonly timed: number
}

/** Lets the origin's workers carry out samples of a day's fan-out: of each band all posts as rows, all hot, or pulled. */
export function createFanoutWork({ db, delivery, meter, graph, activity, ids, posts, levels, sampleEdges, timed }: World) {
  const bands = levels.map((least, at): Band & { readonly authors: Int32Array } => {
    const below = levels[at + 1] ?? Number.POSITIVE_INFINITY
    const authors = posts.filter((author) => (graph.followers[author] ?? 0) >= least && (graph.followers[author] ?? 0) < below)
    return { least, authors, posts: authors.length, edges: edgesOf(authors) }
  })
  const firstId = firstIdAt(Date.now())
  let lastId = firstId

  function edgesOf(authors: Iterable<number>): number {
    let edges = 0
    for (const author of authors) edges += activity.pushed[author] ?? 0
    return edges
  }

  /** Posts of a band, drawn anew each round. */
  function sampleOf({ authors }: { readonly authors: Int32Array }, seed: number, most: number): number[] {
    const random = mulberry32(seed)
    const sample: number[] = []
    for (let size = 0; size < sampleEdges && sample.length < most; ) {
      const author = authors[Math.floor(random() * authors.length)] ?? 0
      sample.push(author)
      size += (activity.pushed[author] ?? 0) + JOB_EDGES
    }
    return sample
  }

  /** As `insertActivity` does, but all at once. */
  async function enqueue(authors: readonly number[], mode: Mode): Promise<void> {
    const jobs = sql`unnest(${idArray(authors.map(() => ++lastId))}, ${idArray(authors.map((author) => ids[author] ?? 0n))},
      ${textArray(authors.map((author) => String(Number((graph.followers[author] ?? 0) > 2_000))))}) j(id, author_id, lane)`
    await db.execute(sql`insert into posts (id, author_id, text, mode) select id, author_id, 'a post', ${mode} from ${jobs}`)
    await db.execute(
      sql`insert into fanout_jobs (activity_id, author_id, mode, lane) select id, author_id, ${mode}, lane::int from ${jobs}`,
    )
  }

  async function work(authors: readonly number[], mode: Mode): Promise<Work> {
    await enqueue(authors, mode)
    return meter.measure(async () => void (await drainWith(db, delivery, 1)))
  }

  return {
    bands: bands as readonly Band[],

    async measure(round: number): Promise<{ readonly bands: BandWork[]; readonly trimEach: Work; readonly delivered: Delivered[] }> {
      const measured: BandWork[] = []
      const delivered: Delivered[] = []
      for (const [at, band] of bands.entries()) {
        if (band.posts === 0) continue
        const sample = sampleOf(band, round * 1_000 + at, 600)
        const share = (band.edges + JOB_EDGES * band.posts) / (edgesOf(sample) + JOB_EDGES * sample.length)
        const pulled = sample.slice(0, 200)
        const byMode: Record<Mode, Work> = { push: NO_WORK, hot: NO_WORK, pull: NO_WORK }
        for (const mode of round % 2 === 0 ? (['push', 'hot'] as const) : (['hot', 'push'] as const)) {
          byMode[mode] = scaled(await work(sample, mode), share)
        }
        byMode.pull = scaled(await work(pulled, 'pull'), band.posts / pulled.length)
        measured.push({ band, work: byMode })
        for (const mode of ['push', 'hot', 'pull'] as const) {
          for (const author of sampleOf(band, round * 1_000 + at + 500, timed)) {
            await enqueue([author], mode)
            const startedAtMs = performance.now()
            await drainWith(db, delivery, 1)
            delivered.push({ least: band.least, mode, ms: performance.now() - startedAtMs, posts: band.posts / timed })
          }
        }
      }
      const trimEach = await measureTrim(round)
      await db.execute(sql`truncate fanout_chunks`)
      await db.execute(sql`delete from posts where id > ${firstId}`)
      await db.execute(sql`vacuum posts`)
      return { bands: measured, trimEach, delivered }
    },
  }

  /** What it costs to cut a row that a new one pushed out: timelines of 800 that had as many more as a fan-out leaves them that trims one in so many. */
  async function measureTrim(round: number): Promise<Work> {
    const readers = [...activity.enrolled.keys()].filter((user) => activity.enrolled[user])
    const viewers = Array.from({ length: 120 }, (_, i) => ids[readers[(i * 977 + round * 131) % readers.length] ?? 0] ?? 0n)
    await db.execute(sql`delete from timeline_entries where viewer_id = any(${idArray(viewers)}) and activity_id < ${CAP + TRIM_SHARE + 1}`)
    await db.execute(sql`
      insert into timeline_entries (viewer_id, activity_id, author_id)
      select v, n, 1 from generate_series(1, ${CAP + TRIM_SHARE}) n, unnest(${idArray(viewers)}) v
      where n > (select count(*) from timeline_entries where viewer_id = v)`)
    const spent = await meter.measure(() => trimTimelines(db, viewers.map(String), CAP))
    await db.execute(sql`delete from timeline_entries where viewer_id = any(${idArray(viewers)}) and activity_id <= ${CAP + TRIM_SHARE}`)
    return scaled(spent, 1 / (viewers.length * TRIM_SHARE))
  }
}
