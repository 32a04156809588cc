import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { oracleFeed } from '../../origin/db/oracle.ts'
import { writePast } from '../support/activity.ts'
import { eventually } from '../support/eventually.ts'
import { countedByHand, graphFile } from '../support/graph.ts'
import { mulberry32 } from '../support/random.ts'
import { scroll } from '../support/scroll.ts'
import { type Client, type Stack, startStack } from '../support/stack.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const random = mulberry32(SEED)
const READERS = 300
const CROWD_THRESHOLD = 600

let stack: Stack
/** Readers of every kind: of crowded authors, of very many, of few, picked at random. */
let readers: Client[] = []
let crowdedIds: string[] = []
let folder = ''
let graphPath = ''

beforeAll(async () => {
  stack = await startStack({ isolates: 2, origin: { CROWD_THRESHOLD: String(CROWD_THRESHOLD), CROWD_FLOOR: '250' } })
  folder = await mkdtemp(join(tmpdir(), 'tideline-graph-'))
  const graph = await graphFile(folder, SEED)
  graphPath = graph.path
  console.log(`follow graph: ${graph.name}; seed ${SEED}`)
  const importer = join(import.meta.dirname, '..', '..', 'dev', 'import.ts')
  await promisify(execFile)(process.execPath, [
    importer,
    '--edges',
    graph.path,
    '--database-url',
    stack.databaseUrl,
    '--crowd-floor',
    '250',
  ])

  const ids = async (query: ReturnType<typeof sql>) => (await stack.db.execute<{ id: string }>(query)).map((row) => row.id)
  // Announce, then route: the import made them candidates, the origin does the rest.
  crowdedIds = await eventually(async () => {
    const pulled = await ids(sql`select author_id::text as id from authors where route = 'pull'`)
    const crowded = await ids(sql`select author_id::text as id from authors where follower_count >= ${CROWD_THRESHOLD}`)
    expect(pulled.length).toBe(crowded.length)
    expect(pulled.length).toBeGreaterThan(3)
    return pulled
  }, 90_000)
  const authors = await ids(sql`select author_id::text as id from authors where follower_count > 0 order by follower_count desc limit 6000`)
  await writePast(stack.db, authors, { seed: SEED, posts: 6_000, reposts: 0.15, deleted: 0.04, spanMs: 20 * 86_400_000 })

  const ofCrowded = await ids(sql`
    select follower_id::text as id from follows where followee_id in (select author_id from authors where route = 'pull')
    group by 1 order by count(*) desc limit 25`)
  const ofMany = await ids(sql`select follower_id::text as id from follows group by 1 order by count(*) desc limit 25`)
  const some = await ids(sql`select id::text from users order by hashint8(id # ${SEED}) limit ${READERS}`)
  const picked = [...new Set([...ofCrowded, ...ofMany, ...crowdedIds.slice(0, 10), ...some])].slice(0, READERS)
  readers = await Promise.all(picked.map((reader) => stack.client(reader)))
}, 240_000)
afterAll(async () => {
  await stack?.stop()
  await rm(folder, { recursive: true, force: true })
})

test('the import brought the whole graph, as an independent count has it', async () => {
  const [found] = await stack.db.execute(sql`
    select (select count(*)::int from users) as users, (select count(*)::int from follows) as follows,
      (select max(follower_count) from authors) as "mostFollowed",
      (select count(*)::int from authors left join (select followee_id, count(*) as followers from follows group by 1) f on followee_id = author_id
        where follower_count <> coalesce(followers, 0)) as miscounted,
      (select count(*)::int from follows where follower_id not in (select id from users) or followee_id not in (select id from users)) as orphans`)
  expect(found).toEqual({ ...(await countedByHand(graphPath)), miscounted: 0, orphans: 0 })
})

/** Everything that was posted has been delivered: no job, no chunk that was not pushed. */
const delivered = () =>
  eventually(async () => {
    const [left] = await stack.db.execute<{ count: number }>(sql`
      select ((select count(*) from fanout_jobs) + (select count(*) from fanout_chunks where pushed_at is null))::int as count`)
    expect(left?.count).toBe(0)
  }, 90_000)

/** Reads every page of each reader and compares; some readers at once, in whichever isolate. */
async function compareAll(compared: readonly Client[]): Promise<{ pages: number; lines: number }> {
  let pages = 0
  let lines = 0
  // Who follows nobody gets what is popular: another test's.
  const following = new Set(
    (await stack.db.execute<{ id: string }>(sql`select distinct follower_id::text as id from follows`)).map(({ id }) => id),
  )
  const queue = compared.filter(({ id }) => following.has(id)).entries()
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (const [i, reader] of queue) {
        const expected = await oracleFeed(stack.db, reader.id)
        // Small pages where the feed is short enough to be read that way.
        const limit = expected.length < 25 ? 1 : expected.length < 150 ? [7, 50][i % 2] : [50, 100][i % 2]
        const seen = await eventually(async () => {
          const feed = await scroll(reader, limit ?? 50, '/v1/feed/following', i)
          expect(feed, `reader ${reader.id}, pages of ${limit}, seed ${SEED}`).toEqual(expected)
          return feed
        }, 60_000)
        lines += seen.length
        pages += Math.ceil(seen.length / (limit ?? 50))
      }
    }),
  )
  return { pages, lines }
}

test('the feed of a reader equals what a brute-force SQL query gives, on every page', async () => {
  const { pages, lines } = await compareAll(readers)
  console.log(`${readers.length} readers, ${pages} pages, ${lines} lines, ${crowdedIds.length} crowded authors`)
  expect(lines).toBeGreaterThan(1_000)
}, 240_000)

test('it still does after posts by ordinary and crowded authors, reposts, deletes, follows and unfollows over HTTP', async () => {
  const json = { 'content-type': 'application/json' }
  const writers = await Promise.all(
    [...crowdedIds.slice(0, 5), ...readers.slice(0, 35).map((reader) => reader.id)].map((id) => stack.client(id)),
  )
  const posted: { id: string; by: Client }[] = []
  async function act(writer: Client): Promise<void> {
    const dice = random()
    const target = posted[Math.floor(random() * posted.length)]
    const other = writers[Math.floor(random() * writers.length)]
    if (target && dice < 0.25) await writer.fetch(`/v1/posts/${target.id}/repost`, { method: 'POST' })
    else if (target && dice < 0.35) await target.by.fetch(`/v1/posts/${target.id}`, { method: 'DELETE' })
    else if (other && other !== writer && dice < 0.5) {
      await writer.fetch(`/v1/users/${other.id}/follow`, { method: random() < 0.5 ? 'POST' : 'DELETE' })
    } else {
      const response = await writer.fetch('/v1/posts', {
        method: 'POST',
        headers: json,
        body: JSON.stringify({ text: `now ${posted.length}` }),
      })
      expect(response.status).toBe(201)
      const { id } = (await response.json()) as { id: string }
      posted.push({ id, by: writer })
    }
  }
  for (let round = 0; round < 10; round++) await Promise.all(writers.map(act))
  await delivered()
  const { pages, lines } = await compareAll(readers.slice(0, 100))
  console.log(`${posted.length} new posts; ${pages} pages, ${lines} lines`)
}, 240_000)
