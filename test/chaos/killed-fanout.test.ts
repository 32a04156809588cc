import { once } from 'node:events'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type KilledFanout, post, startKilledFanout } from '../support/killed-fanout.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const KILLS = 20

let world: KilledFanout

beforeAll(async () => {
  world = await startKilledFanout(SEED)
}, 240_000)
afterAll(() => world?.stack.stop())

test(`fan-out that is killed ${KILLS} times in the midst of its work loses nothing and doubles nothing`, async () => {
  // While one process works and dies, the next two are starting, and share the work.
  const starting = [world.start(), world.start()]
  for (let kill = 0; kill < KILLS; kill++) {
    const working = await starting.shift()
    starting.push(world.start())
    if (working) await world.killWhileItWorks(working)
  }
  const survivors = await Promise.all(starting)
  await world.settled()
  const { entries, present } = await world.compare()
  expect(entries).toBeGreaterThan(KILLS)
  expect(present).toBeGreaterThan(world.readers.length / 2)
  await Promise.all(survivors.map((survivor) => survivor.kill()))
}, 480_000)

test('a process that is told to end finishes what it has begun, and leaves the rest to others', async () => {
  const { stack, authors } = world
  const [author] = authors
  await stack.db.execute(sql`
    insert into push_edges (author_id, viewer_id) select ${author?.id}::bigint, 1900000000000000000 + i from generate_series(1, 20000) i`)
  const [newest] = await stack.db.execute<{ id: string }>(sql`select max(id)::text as id from posts`)
  await stack.db.execute(sql`update authors set follower_count = 100000 where author_id = ${author?.id}`)
  for (let i = 0; i < 5; i++) await post(author)
  async function state() {
    const [row] = await stack.db.execute<{ jobs: number; chunks: number; held: number }>(sql`
      select (select count(*)::int from fanout_jobs) as jobs, (select count(*)::int from fanout_chunks where activity_id > ${newest?.id ?? 0} and pushed_at is not null) as chunks,
        (select count(*)::int from fanout_chunks where activity_id > ${newest?.id ?? 0} and pushed_at is null and due_at > now()) as held`)
    return row ?? { jobs: 0, chunks: 0, held: 0 }
  }
  const working = await world.start({ CHUNK_SIZE: '5' }) // 20,000 chunks: it is in their midst, however slow we are to look
  await eventually(async () => expect((await state()).chunks).toBeGreaterThan(5), 60_000)
  const ended = once(working.process, 'exit')
  working.process.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  const { jobs, held } = await state()
  expect(jobs).toBeGreaterThan(0)
  // What it pushed last is owed again, as after every end; what it had cut and not pushed would be held for five seconds.
  expect(held).toBe(0)
  expect(await stack.db.execute(sql`select 1 from fanout_jobs for update skip locked`)).toHaveLength(jobs)
}, 240_000)
