import { sql } from 'drizzle-orm'
import { keyOf } from '../../../contract/l2/keys.ts'
import { type Database, idArray } from '../../../origin/db/client.ts'
import { loadKeys } from '../../../origin/timelines/load.ts'
import { median, sum } from '../../cache/statistics.ts'
import type { Loading, Loads, Routing } from './replay.ts'
import { NOTHING, type Part, scaled } from './totals.ts'
import { cpuOf, type Meter } from './work.ts'

/** Rows of a sampled reader that are kept at hand: where some are not rows, older ones come up. */
const ROWS_KEPT = 1_600
/** Each load is made so often, and counts with the median of its backend's CPU: whatever else the machine does meanwhile slows single ones. */
const PASSES = 3

/** A load, and how many of the day's loads it stands for, and of those that somebody waited for. */
export interface Loaded {
  readonly ms: number
  readonly loads: number
  readonly waitedFor: number
}

interface World {
  readonly db: Database
  readonly meter: Meter
  readonly ids: BigInt64Array
  /** Whose fills are measured. */
  readonly readers: readonly number[]
  /** Loads of one kind that are measured each time. */
  readonly sample: number
}

/** Lets the origin answer samples of a day's loads, from tables as they are under a routing. `db` has one connection. */
export async function createReadWork({ db, meter, ids, readers, sample }: World) {
  const [row] = await db.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
  const backend = row?.pid ?? 0
  const viewers = idArray([...new Set(readers)].map((reader) => ids[reader] ?? 0n))
  await db.execute(sql`
    create table bench_rows as
    select e.*, a.follower_count from unnest(${viewers}) v cross join lateral (
      select v as viewer_id, p.id as activity_id, p.author_id from follows f join posts p on p.author_id = f.followee_id where f.follower_id = v
      order by p.id desc limit ${ROWS_KEPT}) e join authors a using (author_id)`)
  await db.execute(sql`analyze bench_rows`)

  /** Tables as if these thresholds had always stood. */
  async function adopt({ hotFrom, pullFrom }: Routing): Promise<void> {
    const [hot, pull] = [Math.min(hotFrom, 2_000_000_000), Math.min(pullFrom, 2_000_000_000)]
    const route = sql`case when follower_count >= ${pull} then 'pull' else 'push' end`
    const unpushed = sql`follower_count >= ${Math.min(hot, pull)}`
    await db.execute(sql`
      update authors set route = ${route}, hot = follower_count >= ${hot}, unpushed = ${unpushed},
        candidate_since = case when follower_count >= ${pull} then now() end, announced_at = now()
      where (route, hot, unpushed, candidate_since is not null) is distinct from (${route}, follower_count >= ${hot}, ${unpushed}, follower_count >= ${pull})`)
    const mode = sql`case when follower_count >= ${pull} then 'pull' when follower_count >= ${hot} then 'hot' else 'push' end`
    await db.execute(sql`
      update posts p set mode = ${mode} from authors a where a.author_id = p.author_id and p.mode <> ${mode}`)
    await db.execute(sql`delete from timeline_entries where viewer_id = any(${viewers})`)
    await db.execute(sql`
      insert into timeline_entries (viewer_id, activity_id, author_id)
      select viewer_id, activity_id, author_id from bench_rows where follower_count < ${Math.min(hot, pull)} order by activity_id`)
    await db.execute(sql`vacuum analyze authors, posts`)
  }

  /** The last fill of each was six hours ago: this is what the origin finds. */
  const age = () =>
    db.execute(sql`
      update viewers set last_active_at = now() - interval '6 hours', present_until = now() + interval '21 hours' where viewer_id = any(${viewers})`)

  async function part(
    loads: Loads<unknown>,
    requests: readonly (readonly string[])[],
    before: () => Promise<unknown>,
  ): Promise<[Part, Loaded[]]> {
    if (requests.length === 0) return [NOTHING, []]
    const load = async () => {
      await before()
      const loads: { readonly ms: number; readonly cpuS: number }[] = []
      for (const keys of requests) {
        const [startedAtMs, cpuS] = [performance.now(), cpuOf(backend)]
        await loadKeys(db, keys)
        loads.push({ ms: performance.now() - startedAtMs, cpuS: cpuOf(backend) - cpuS })
      }
      return loads
    }
    await load() // pages that the changes left behind are seen once
    const passes: Awaited<ReturnType<typeof load>>[] = []
    const spent = await meter.measure(async () => {
      for (let pass = 0; pass < PASSES; pass++) passes.push(await load())
    })
    const made = PASSES * requests.length
    const cpuS = sum(requests.map((_, at) => median(passes.map((pass) => pass[at]?.cpuS ?? 0)))) / requests.length
    const each = { ...scaled(spent, 1 / made), cpuS }
    return [
      { count: loads.count, each },
      passes.flat().map(({ ms }) => ({ ms, loads: loads.count / made, waitedFor: loads.waitedFor / made })),
    ]
  }

  const idOf = (user: number): string => String(ids[user])
  /** Another part of a sample each round. */
  const some = <T>(items: readonly T[], round: number, size: number): T[] =>
    Array.from({ length: Math.min(size, items.length) }, (_, i) => items[(round * size + i) % items.length] as T)
  const nothing = async () => {}

  return {
    async measure(routing: Routing, loading: Loading, round: number) {
      await adopt(routing)
      const fillers = some(readers, round, sample).map((reader) => [keyOf.timeline(idOf(reader))])
      const lists = some(loading.lists.sample, round, sample).map((authors) =>
        authors.map((author) => keyOf.author(idOf(author), 'public')),
      )
      const mergers = some(loading.merges.sample, round, Math.ceil(sample / 3)).map((reader) => [keyOf.merged(idOf(reader))])
      const fills = await part(loading.timelines, fillers, age)
      const list = await part(loading.lists, lists, nothing)
      const merges = await part(loading.merges, mergers, nothing)
      return {
        parts: { fills: fills[0], lists: list[0], merges: merges[0] },
        loaded: [...fills[1], ...list[1], ...merges[1]],
      }
    },
  }
}
