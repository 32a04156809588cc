import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import postgres from 'postgres'
import { firstIdAt } from '../../../contract/ids.ts'
import type { Activity } from './activity.ts'
import type { FollowGraph } from './graph.ts'

/** Rows of timelines before anything is measured: enough that inserts go to many pages of a tree that is there. */
const MOST_ROWS = 4_000_000
const DAY_MS = 86_400_000

/** Ids of a graph's people: in no order of their fame, from several years. */
export function idsOf(users: number): BigInt64Array {
  const step = (firstIdAt(Date.now() - 30 * DAY_MS) - firstIdAt(Date.now() - 1_500 * DAY_MS)) / BigInt(users)
  const base = firstIdAt(Date.now() - 1_500 * DAY_MS)
  return BigInt64Array.from({ length: users }, (_, n) => base + BigInt((n * 7_919 + 13) % users) * step)
}

export interface Past {
  /** Authors of past posts, the oldest first, evenly spread until now. */
  readonly authors: Int32Array
  readonly days: number
}

/** The id of a past post. */
export const pastIdsOf = ({ authors, days }: Past, nowMs: number): BigInt64Array =>
  BigInt64Array.from(
    authors,
    (_, at) => firstIdAt(nowMs - Math.floor(((authors.length - at) / authors.length) * days * DAY_MS)) + BigInt(at % 4_096),
  )

interface Filling {
  readonly url: string
  readonly graph: FollowGraph
  readonly activity: Activity
  readonly ids: BigInt64Array
  readonly past: Past
  readonly pastIds: BigInt64Array
}

/**
 * Fills an empty database with a graph, past posts and the newest rows of all timelines, as if everything had been pushed. In bulk: constraints and indexes that nothing
 * here asks are left out. Answers how many rows of timelines there are.
 */
export async function fillDatabase({ url, graph, activity, ids, past, pastIds }: Filling): Promise<number> {
  const client = postgres(url, { max: 1, onnotice: () => {}, connection: { synchronous_commit: 'off', statement_timeout: 0 } })
  const copy = async (target: string, lines: Iterable<string>) =>
    pipeline(Readable.from(blocksOf(lines)), await client.unsafe(`copy ${target} from stdin`).writable())
  const { users, starts, followees, followers } = graph
  const lastPost = new BigInt64Array(users)
  for (const [at, author] of past.authors.entries()) lastPost[author] = pastIds[at] ?? 0n
  const names = Array.from(ids, String)
  try {
    await client`select set_config('session_replication_role', 'replica', false), set_config('maintenance_work_mem', '512MB', false)`
    await client`alter table follows drop constraint follows_pkey`
    await client`drop index follows_of_followee`
    await client`alter table push_edges drop constraint push_edges_pkey`
    await client`drop index push_edges_of_viewer`
    await client`alter table timeline_entries drop constraint timeline_entries_pkey`
    await copy(
      'users (id, handle, name)',
      mapped(users, (n) => `${names[n]}\tuser${n}\tUser ${n}`),
    )
    await copy(
      'authors (author_id, follower_count, last_post_id)',
      mapped(users, (n) => `${names[n]}\t${followers[n]}\t${lastPost[n]}`),
    )
    await copy(
      'viewers (viewer_id, enrolled_at)',
      mapped(users, (n) => `${names[n]}\t${activity.enrolled[n] ? '2026-01-01' : '\\N'}`),
    )
    await copy(
      'follows (follower_id, followee_id)',
      arcs(users, starts, (user, i) => `${names[user]}\t${names[followees[i] ?? 0]}`),
    )
    await copy('push_edges (author_id, viewer_id)', pushEdges(graph, activity, names))
    await copy(
      'posts (id, author_id, text, mode)',
      mapped(
        past.authors.length,
        (at) => `${pastIds[at]}\t${names[past.authors[at] ?? 0]}\tA calm line about the harbour in the morning, number ${at}\tpush`,
      ),
    )
    await client`alter table follows add primary key (follower_id, followee_id)`
    await client`alter table push_edges add primary key (author_id, viewer_id)`
    let rows = 0
    let from = past.authors.length
    while (from > 0 && rows < MOST_ROWS) rows += activity.pushed[past.authors[--from] ?? 0] ?? 0
    await client`
      insert into timeline_entries (viewer_id, activity_id, author_id)
      select e.viewer_id, p.id, p.author_id from posts p join push_edges e on e.author_id = p.author_id
      where p.id >= ${String(pastIds[from])}::bigint order by p.id`
    await client`alter table timeline_entries add primary key (viewer_id, activity_id) with (fillfactor = 75)`
    await client`vacuum analyze`
    return rows
  } finally {
    await client.end({ timeout: 5 })
  }
}

function* mapped(count: number, line: (n: number) => string): Generator<string> {
  for (let n = 0; n < count; n++) yield line(n)
}

function* arcs(users: number, starts: Int32Array, line: (user: number, arc: number) => string): Generator<string> {
  for (let user = 0; user < users; user++) for (let i = starts[user] ?? 0; i < (starts[user + 1] ?? 0); i++) yield line(user, i)
}

/** Follows of enrolled readers, in the order of their authors. */
function* pushEdges(
  { users, starts, followees }: FollowGraph,
  { enrolled, pushed }: Activity,
  names: readonly string[],
): Generator<string> {
  const places = new Int32Array(users)
  for (let author = 1; author < users; author++) places[author] = (places[author - 1] ?? 0) + (pushed[author - 1] ?? 0)
  const viewers = new Int32Array((places[users - 1] ?? 0) + (pushed[users - 1] ?? 0))
  for (let user = 0; user < users; user++) {
    if (!enrolled[user]) continue
    for (let i = starts[user] ?? 0; i < (starts[user + 1] ?? 0); i++) {
      const author = followees[i] ?? 0
      const place = places[author] ?? 0
      viewers[place] = user
      places[author] = place + 1
    }
  }
  let at = 0
  for (let author = 0; author < users; author++)
    for (; at < (places[author] ?? 0); at++) yield `${names[author]}\t${names[viewers[at] ?? 0]}`
}

/** Lines in blocks that a stream is quick with. */
function* blocksOf(lines: Iterable<string>): Generator<string> {
  let block = ''
  for (const line of lines) {
    block += `${line}\n`
    if (block.length < 65_536) continue
    yield block
    block = ''
  }
  if (block) yield block
}
