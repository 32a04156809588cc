import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { readEdges } from '../../dev/edges.ts'
import { importFollows } from '../../origin/db/import.ts'
import { eventually } from '../support/eventually.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'

const COMMAND = fileURLToPath(new URL('../../dev/import.ts', import.meta.url))

let database: TestDatabase
let sql: postgres.Sql
let folder: string
let nextId = 2_000_000_000_000_000_000n

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tideline-import-'))
  database = await createDatabase(inject('postgresUrl'))
  sql = postgres(database.url, { onnotice: () => {}, max: 4 })
})
afterAll(async () => {
  await sql.end()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  await sql`truncate users, authors, viewers, follows, push_edges, departures, invalidations cascade`
})

async function load(edges: string, options: { crowdFloor?: number; url?: string } = {}) {
  async function* bytes() {
    yield Buffer.from(edges)
  }
  return importFollows(options.url ?? database.url, {
    edges: readEdges(bytes(), 'edges.txt'),
    mint: () => nextId++,
    crowdFloor: options.crowdFloor ?? 250_000,
    onStep: () => {},
  })
}

/** Everything an import may touch, by handle. */
async function everything() {
  return {
    users: await sql`
      select handle, name, follower_count, candidate_since::text, view_version, follow_version, enrolled_at is not null as enrolled
      from users join authors on author_id = id join viewers on viewer_id = id order by handle`,
    follows: await sql`
      select a.handle as follower, b.handle as followee from follows join users a on a.id = follower_id join users b on b.id = followee_id
      order by 1, 2`,
    pushEdges: await sql`select author_id, viewer_id from push_edges order by 1, 2`,
    departures: await sql`select author_id, viewer_id from departures order by 1, 2`,
    invalidations: await sql`select key, truth, done_at from invalidations order by id`,
  }
}

const idOf = async (handle: string): Promise<bigint> => {
  const [user] = await sql`select id::text from users where handle = ${handle}`
  return BigInt(user?.id)
}

async function enrolAll(): Promise<void> {
  await sql`update viewers set enrolled_at = now()`
  await sql`insert into push_edges (author_id, viewer_id) select followee_id, follower_id from follows`
}

describe('a follow graph', () => {
  test('brings users, follows and follower counts, and drops self-loops and repeats', async () => {
    const counts = await load('# a graph\nann bob\nann cid\nbob cid\r\nann bob\ndan dan\n')
    expect(counts).toEqual({ usersNew: 4, usersKnown: 0, followsNew: 3, followsKnown: 0, selfLoops: 1, repeats: 1 })
    const { users, follows, invalidations } = await everything()
    expect(users.map((user) => [user.handle, user.name, user.follower_count])).toEqual([
      ['ann', 'ann', 0],
      ['bob', 'bob', 1],
      ['cid', 'cid', 2],
      ['dan', 'dan', 0],
    ])
    expect(follows.map((follow) => `${follow.follower} ${follow.followee}`)).toEqual(['ann bob', 'ann cid', 'bob cid'])
    expect(invalidations.map((row) => [row.key, row.truth, row.done_at])).toEqual([
      ['tl:*', '0', null],
      ['vw:*', '0', null],
    ])
  })

  test('loaded again changes nothing', async () => {
    await load('ann bob\nbob cid\n')
    await enrolAll()
    const before = await everything()
    const counts = await load('bob cid\nann bob\nann bob\n')
    expect(counts).toEqual({ usersNew: 0, usersKnown: 3, followsNew: 0, followsKnown: 2, selfLoops: 0, repeats: 1 })
    expect(await everything()).toEqual(before)
  })

  test('un-enrols the viewers who got a new follow, and only them', async () => {
    await load('ann bob\ncid bob\n')
    await enrolAll()
    await load('ann cid\ncid bob\neve cid\n')
    const { users, pushEdges } = await everything()
    expect(users.map((user) => [user.handle, user.enrolled, user.view_version, user.follow_version])).toEqual([
      ['ann', false, '3', '3'],
      ['bob', true, '1', '1'],
      ['cid', true, '2', '2'],
      ['eve', false, '2', '2'],
    ])
    expect(pushEdges).toEqual([{ author_id: String(await idOf('bob')), viewer_id: String(await idOf('cid')) }])
  })

  test('owes an end to all timelines and views in L2, once for each import that changed something', async () => {
    await load('ann bob\n')
    await load('ann bob\n')
    await load('ann cid\n')
    const keys = (await everything()).invalidations.map((row) => row.key)
    expect(keys).toEqual(['tl:*', 'vw:*', 'tl:*', 'vw:*'])
  })

  test('ends the departures of follows that it makes again', async () => {
    await load('ann bob\nann cid\n')
    const [ann, bob, cid] = [await idOf('ann'), await idOf('bob'), await idOf('cid')].map(String)
    await sql`delete from follows`
    await sql`insert into departures (viewer_id, author_id) values (${String(ann)}, ${String(bob)}), (${String(ann)}, ${String(cid)})`
    await load('ann bob\n')
    expect((await everything()).departures).toEqual([{ viewer_id: ann, author_id: cid }])
  })

  test('names authors at the crowd floor candidates at once, also when only the floor was lowered', async () => {
    await load('ann cid\nbob cid\nann bob\n', { crowdFloor: 2 })
    const candidates = async () =>
      (await everything()).users.filter((user) => user.candidate_since).map((user) => [user.handle, user.candidate_since])
    expect(await candidates()).toEqual([['cid', '-infinity']])
    await load('ann cid\n', { crowdFloor: 1 })
    expect(await candidates()).toEqual([
      ['bob', '-infinity'],
      ['cid', '-infinity'],
    ])
    expect((await everything()).invalidations).toHaveLength(4)
  })

  test('that is malformed loads nothing', async () => {
    await load('ann bob\n')
    const before = await everything()
    const graph = `${'ann cid\n'.repeat(20_000)}dan\n`
    await expect(load(graph)).rejects.toThrow('edges.txt:20001: expected two labels, got 1 field')
    expect(await everything()).toEqual(before)
  })

  test('counts a follow once that somebody makes meanwhile', async () => {
    await load('ann bob\ncid bob\n')
    const [ann, cid] = [await idOf('ann'), await idOf('cid')].map(String)
    let loading: ReturnType<typeof load> | undefined
    await sql.begin(async (tx) => {
      await tx`select 1 from viewers where viewer_id = ${String(ann)} for update`
      await tx`insert into follows (follower_id, followee_id) values (${String(ann)}, ${String(cid)})`
      loading = load('ann cid\nbob cid\n')
      const waiting = () => sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      await eventually(async () => expect(await waiting()).toHaveLength(1))
      await tx`update authors set follower_count = follower_count + 1 where author_id = ${String(cid)}`
    })
    expect(await loading).toMatchObject({ followsNew: 1, followsKnown: 1 })
    expect((await everything()).users.map((user) => [user.handle, user.follower_count])).toEqual([
      ['ann', 0],
      ['bob', 2],
      ['cid', 2],
    ])
  })

  test('can be loaded by a role that is no superuser, row checks and all', async () => {
    const role = `importer_${randomUUID().slice(0, 8)}`
    await sql.unsafe(`create role ${role} login password 'secret'; grant all on all tables in schema public to ${role};`)
    try {
      const url = new URL(database.url)
      url.username = role
      url.password = 'secret'
      expect(await load('ann bob\nbob cid\n', { url: url.href })).toMatchObject({ usersNew: 3, followsNew: 2 })
    } finally {
      await sql.unsafe(`drop owned by ${role}; drop role ${role};`)
    }
  })

  test('fires a trigger that somebody put on follows', async () => {
    await sql.unsafe(`
      create table captured (follower_id bigint);
      create function capture() returns trigger language plpgsql as 'begin insert into captured values (new.follower_id); return new; end';
      create trigger capture after insert on follows for each row execute function capture();`)
    await load('ann bob\nann cid\n')
    expect(await sql`select from captured`).toHaveLength(2)
    await sql.unsafe('drop function capture cascade; drop table captured')
  })
})

async function run(args: readonly string[]) {
  const child = spawn(process.execPath, [COMMAND, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { out, err, code }
}
const put = (name: string, content: string | Uint8Array) => writeFile(join(folder, name), content)

describe('the command', () => {
  test('loads a file, gzipped or not, and tells what it did', async () => {
    await put('edges.csv', gzipSync('source,target\nann,bob\nbob,ann\nann,ann\nann,bob\n')) // the name says nothing about gzip
    const { out, err, code } = await run(['--edges', 'edges.csv', '--database-url', database.url, '--crowd-floor', '1'])
    expect({ err, code }).toEqual({ err: '', code: 0 })
    expect(out).toMatch(
      /^edges\.csv is loaded, in [\d.]+ s\n {2}users {4}2 new, 0 known\n {2}follows {2}2 new, 0 known\n {2}dropped {2}1 self-loops, 1 repeats\n$/,
    )
    const { users } = await everything()
    expect(users.map((user) => user.candidate_since)).toEqual(['-infinity', '-infinity'])
    expect(await sql`select from users where id < 1000000000000000000`).toHaveLength(0)
    expect(await sql`select from machines where owner is not null`).toHaveLength(0)
  })

  test('refuses what it cannot do with one line and exit code 2', async () => {
    await put('good.txt', 'ann bob\n')
    await put('bad.txt', 'ann bob\nann bob cid\n')
    await put('empty.txt', '')
    const url = ['--database-url', database.url]
    const nobody = new URL(database.url)
    nobody.port = '1'
    const cases: [args: string[], err: string | RegExp][] = [
      [['--edges', 'bad.txt', ...url], 'bad.txt:2: expected two labels, got 3 fields\n'],
      [['--edges', 'none.txt', ...url], 'there is no file none.txt\n'],
      [['--edges', 'empty.txt', ...url], 'empty.txt is empty\n'],
      [['--edges', '.', ...url], '. is a directory\n'],
      [url, /^say which file to load: --edges FILE .*\n$/],
      [['--nodes', 'good.txt'], /^Unknown option '--nodes' .*\n$/],
      [['good.txt'], /^Unexpected argument 'good.txt' .*\n$/],
      [['--edges', 'good.txt', ...url, '--crowd-floor', 'many'], /^--crowd-floor is a whole number .*\n$/],
      [['--edges', 'good.txt', '--database-url', 'mysql://x'], /^a database url looks like .*\n$/],
      [['--edges', 'good.txt', '--database-url', nobody.href], /^cannot reach the database 127\.0\.0\.1:1\/test_\w+: ECONNREFUSED\n$/],
      [['--edges', 'good.txt', '--database-url', inject('postgresUrl')], /^the database \S+ lacks our tables .*: npm run migrate\n$/],
    ]
    const answers = await Promise.all(cases.map(async ([args]) => ({ args, ...(await run(args)) })))
    expect(answers).toEqual(
      cases.map(([args, err]) => ({ args, out: '', err: typeof err === 'string' ? err : expect.stringMatching(err), code: 2 })),
    )
    expect((await everything()).users).toHaveLength(0)
  })

  test('says so when the database goes away', async () => {
    await put('good.txt', 'ann bob\n')
    const answer = await sql.begin(async (tx) => {
      await tx`lock table users`
      const running = run(['--edges', 'good.txt', '--database-url', database.url])
      const waiting = () => sql`select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      await eventually(async () => expect(await waiting()).toHaveLength(1), 60_000)
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      return running
    })
    // On a slow machine lines of progress come first.
    const progress = /^(?:[a-z ]+ \d+ s\n)*the connection to the database was lost\n$/
    expect(answer).toEqual({ out: '', err: expect.stringMatching(progress), code: 2 })
  })

  test('explains itself', async () => {
    const { out, code } = await run(['--help'])
    expect(code).toBe(0)
    expect(out).toContain('npm run import -- --edges FILE')
  })
})
