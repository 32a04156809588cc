import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Connection, connect } from '../../origin/db/client.ts'
import { olderFeed, olderOfAuthor } from '../../origin/db/older.ts'
import { emptyWorld, entryOf, type NaiveWorld, naiveFeed, standsFor } from '../support/naive-feed.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { mulberry32 } from '../support/random.ts'

const SEED = Number(process.env.SEED ?? 20_261_122)
const random = mulberry32(SEED)
const FIRST = 1_800_000_000_000_000_000n
/** Where the ids of the next world begin. */
let nextBase = FIRST
const NOW = String(FIRST + 10n ** 12n)

let database: TestDatabase
let connection: Connection

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 2, statementTimeoutMs: 60_000, applicationName: 'test' })
})
afterAll(async () => {
  await connection?.close()
  await database?.drop()
})

const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(items.length * random())]
const idList = (ids: readonly (string | bigint | undefined)[]) => sql`${`{${ids.map((id) => id ?? 'NULL').join(',')}}`}::bigint[]`
const pairs = (set: ReadonlySet<string>) => [...set].map((text) => text.split(' ') as [string, string])

/** Writes a world as it is, past every route. */
async function write(world: NaiveWorld): Promise<void> {
  const { activities } = world
  await makeFollows(connection.db, pairs(world.follows))
  for (const [table, set] of [
    ['mutes (viewer_id, author_id)', world.mutes],
    ['blocks (blocker_id, blocked_id)', world.blocks],
  ] as const) {
    await connection.db.execute(sql`
      insert into ${sql.raw(table)} select * from unnest(${idList(pairs(set).map(([one]) => one))}, ${idList(pairs(set).map(([, other]) => other))})`)
  }
  await connection.db.execute(sql`update users set private = true where id = any(${idList([...world.private])})`)
  await connection.db.execute(sql`update users set suspended_at = now() where id = any(${idList([...world.suspended])})`)
  await connection.db.execute(sql`
    insert into posts (id, author_id, text, root_id, root_author_id, mode, audience, deleted_at)
    select id, author, case when root is null then 'text' end, root, root_author, 'push', audience, case when deleted then now() end
    from unnest(${idList(activities.map(({ id }) => id))}, ${idList(activities.map(({ authorId }) => authorId))},
      ${idList(activities.map(({ root }) => root?.id))}, ${idList(activities.map(({ root }) => root?.authorId))},
      ${`{${activities.map(({ audience }) => audience).join(',')}}`}::text[], ${`{${activities.map(({ deleted }) => deleted).join(',')}}`}::boolean[]
    ) row(id, author, root, root_author, audience, deleted) order by root is not null`)
}

/** Sixteen people who follow, mute, block, are private or suspended, and 700 activities of theirs, some in one millisecond. */
async function randomWorld(): Promise<{ world: NaiveWorld; people: string[] }> {
  const people = await makeUsers(connection.db, 16)
  const world = emptyWorld()
  for (const one of people) {
    if (random() < 0.2) world.private.add(one)
    if (random() < 0.1) world.suspended.add(one)
    for (const other of people) {
      if (one === other) continue
      if (random() < 0.5) world.follows.add(`${one} ${other}`)
      if (random() < 0.06) world.mutes.add(`${one} ${other}`)
      if (random() < 0.06) world.blocks.add(`${one} ${other}`)
    }
  }
  const reposted = new Set<string>()
  let id = nextBase
  for (let i = 0; i < 700; i++) {
    id += random() < 0.3 ? 1n : 5_000_000n
    const authorId = pick(people) ?? ''
    const root = random() < 0.4 ? pick(world.activities.filter((other) => !other.root)) : undefined
    const deleted = random() < 0.1
    if (root && reposted.has(`${authorId} ${root.id}`)) continue
    if (root && !deleted) reposted.add(`${authorId} ${root.id}`)
    const audience = !root && random() < 0.15 ? 'followers' : 'public'
    world.activities.push({ id: String(id), authorId, root: root && { id: root.id, authorId: root.authorId }, audience, deleted })
  }
  // Clocks of two machines differ: a repost may have a lower id than its root.
  for (let i = 0; i < 20; i++) {
    const root = pick(world.activities.filter((other) => !other.root))
    const authorId = pick(people) ?? ''
    if (!root || reposted.has(`${authorId} ${root.id}`)) continue
    reposted.add(`${authorId} ${root.id}`)
    const early = String(BigInt(root.id) - 3n)
    if (world.activities.some((other) => other.id === early)) continue
    world.activities.push({ id: early, authorId, root: { id: root.id, authorId: root.authorId }, audience: 'public', deleted: false })
  }
  nextBase = id + 1n
  await write(world)
  return { world, people }
}

test('whoever reads, from wherever, the origin answers what may be seen and nothing else, folded, with who reposted it too', async () => {
  console.log(`seed ${SEED}`)
  const { world, people } = await randomWorld()
  let lines = 0
  for (const viewerId of people) {
    for (const anchor of [NOW, pick(world.activities)?.id ?? NOW]) {
      const below = random() < 0.5 ? anchor : (pick(world.activities)?.id ?? anchor)
      const above = random() < 0.5 ? undefined : pick(world.activities)?.id
      const limit = 1 + Math.floor(random() * 200)
      const expected = naiveFeed(world, viewerId, anchor)
        .filter(({ entry }) => entry.activityId < below && (above === undefined || entry.activityId > above))
        .slice(0, limit)
      const { entries, reached } = await olderFeed(connection.db, { viewerId, below, above, anchor, limit })
      expect(entries, `seed ${SEED}`).toEqual(expected.map(({ entry, older }) => ({ ...entry, ...(older.length > 0 && { older }) })))
      expect(reached).toBeUndefined()
      lines += entries.length
    }
  }
  expect(lines).toBeGreaterThan(500)
})

test("an author's older activities are what everybody may see, or what this viewer may", async () => {
  const { world, people } = await randomWorld()
  const unmuted = { ...world, mutes: new Set<string>() }
  for (const authorId of people) {
    for (const viewerId of [undefined, authorId, pick(people), pick(people)]) {
      const below = pick(world.activities)?.id ?? NOW
      const expected = world.activities
        .filter(({ id, authorId: by }) => by === authorId && id < below)
        .filter((activity) => standsFor(unmuted, viewerId ?? 'nobody', activity))
        .sort((a, b) => (a.id < b.id ? 1 : -1))
        .slice(0, 40)
      const { entries } = await olderOfAuthor(connection.db, { authorId, viewerId, below, limit: 40 })
      expect(entries, `seed ${SEED}, author ${authorId}, viewer ${viewerId}`).toEqual(expected.map((activity) => entryOf(world, activity)))
    }
  }
})

test('5,000 lines in a row that may not be seen are one question', async () => {
  const [viewer = '', author = '', muted = ''] = await makeUsers(connection.db, 3)
  const world = emptyWorld()
  world.follows.add(`${viewer} ${author}`)
  world.mutes.add(`${viewer} ${muted}`)
  const at = (i: number) => String(nextBase + BigInt(i))
  for (let i = 1; i <= 5_060; i++) {
    const root = i > 60 ? { id: at(10_000 + i), authorId: muted } : undefined
    if (root) world.activities.push({ ...root, audience: 'public', deleted: false })
    world.activities.push({ id: at(i), authorId: author, root, audience: 'public', deleted: false })
  }
  await write(world)
  const { entries, reached } = await olderFeed(connection.db, { viewerId: viewer, below: at(5_061), anchor: at(5_061), limit: 50 })
  expect(entries.map(({ activityId }) => activityId)).toEqual(Array.from({ length: 50 }, (_, i) => at(60 - i)))
  expect(reached).toBeUndefined()
})
