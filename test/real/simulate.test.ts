import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { firstIdAt } from '../../contract/ids.ts'
import { checkFeeds } from '../../dev/simulate/check.ts'
import { createAsk } from '../../dev/simulate/client.ts'
import { createMeasures, type Measures } from '../../dev/simulate/measures.ts'
import { simulate } from '../../dev/simulate/simulation.ts'
import { createSlots } from '../../dev/simulate/slots.ts'
import { openWorld, type World } from '../../dev/simulate/world.ts'
import { writePast } from '../support/activity.ts'
import { eventually } from '../support/eventually.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type Stack, startStack } from '../support/stack.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const USERS = 60
const CROWD_THRESHOLD = 40
const KINDS = ['open', 'refresh', 'write', 'probe'] as const

let stack: Stack
let world: World
/** The first is followed by everybody, and crowded. */
let ids: string[] = []

beforeAll(async () => {
  stack = await startStack({
    isolates: 2,
    origin: { CROWD_THRESHOLD: String(CROWD_THRESHOLD), CROWD_FLOOR: '10' },
    worker: { ANALYTICS_SINK: 'origin' },
  })
  ids = await makeUsers(stack.db, USERS)
  const [celebrity = ''] = ids
  const follows = ids.flatMap((id, place) =>
    [celebrity, ...[1, 2, 3, 5, 8].map((step) => ids[(place + step) % USERS] ?? '')].map((followee) => [id, followee] as const),
  )
  await makeFollows(
    stack.db,
    follows.filter(([follower, followee]) => follower !== followee),
  )
  await writePast(stack.db, ids, { seed: SEED, posts: 400, reposts: 0.15, deleted: 0.04, spanMs: 86_400_000 })
  await eventually(async () => {
    const rows = await stack.db.execute<{ id: string }>(sql`select author_id::text as id from authors where route = 'pull'`)
    expect(rows.map(({ id }) => id)).toEqual([celebrity])
  })
  const [workerUrl = ''] = stack.urls
  const { JWT_SECRET } = stack.secrets
  world = await openWorld({ workerUrl, databaseUrl: new URL(stack.databaseUrl), jwtSecret: JWT_SECRET, crowdFloor: 10 })
})
afterAll(async () => {
  await world?.close()
  await stack?.stop()
})

test('readers and authors act for a while: no error, analytics counts as the clients do, every feed equals SQL', async () => {
  const ticks: number[] = []
  const ending = new AbortController()
  // Three seconds, and more on a machine on which not everything has come about by then.
  const onTick = (elapsedMs: number, measures: Measures) => {
    ticks.push(elapsedMs)
    const all = KINDS.every((kind) => measures.of([kind]).requests > 0) && measures.tally.notModified > 0
    if (elapsedMs > 2_900 && all && measures.of(['probe']).requests > 3) ending.abort()
  }
  const summary = await simulate(
    world,
    { seed: SEED, minutes: 1, speed: 1_440, readers: USERS, checked: USERS, graphName: 'test' },
    { signal: ending.signal, say: () => {}, onTick },
  )
  console.log(`seed ${SEED}: ${summary.traffic.reads} reads, ${summary.traffic.writes} writes, ${summary.sightings.length} posts watched`)
  expect(summary.problems).toEqual(summary.problems.gone ? { gone: summary.problems.gone } : {})
  expect(summary.failures).toEqual([])
  expect(summary.agreement).toMatchObject({ missingPoints: 0, differencePoints: 0 })
  expect(summary.check).toMatchObject({ readers: USERS, differences: [] })
  expect(summary.check.lines).toBeGreaterThan(1_000)
  for (const kind of KINDS) expect(summary.latency[kind]?.count, kind).toBeGreaterThan(0)
  expect(summary.traffic.notModified).toBeGreaterThan(0)
  expect(summary.sightings.length).toBeGreaterThan(0)
  expect(ticks.length).toBeGreaterThan(0)
}, 240_000)

test('a run that is ended early says so, and has its summary', async () => {
  const ending = new AbortController()
  ending.abort()
  const settings = { seed: SEED, minutes: 60, speed: 1, readers: USERS, checked: 1, graphName: 'test' }
  // Points of the run before may come later than it waits for them, where the machine stands still.
  await eventually(async () => {
    const summary = await simulate(world, settings, { signal: ending.signal, say: () => {}, onTick: () => {} })
    expect(summary).toMatchObject({ endedEarly: true, failures: [], traffic: { reads: 0 }, check: { readers: 1 } })
  })
})

test('the check finds what is not as SQL has it: a post that nobody fanned out', async () => {
  const [, author = '', reader = ''] = ids
  const measures = createMeasures(1_000)
  const ask = createAsk({ workerUrl: world.workerUrl, tokenOf: world.tokenOf, measures, slots: createSlots(4, 60_000), startedAtMs: 0 })
  const check = () => checkFeeds({ db: stack.db, ask, readerIds: [reader], lagMs: 0 })
  await stack.db.execute(sql`insert into follows (follower_id, followee_id) values (${reader}, ${author}) on conflict do nothing`)
  const id = firstIdAt(Date.now())
  await stack.db.execute(sql`insert into posts (id, author_id, text, mode) values (${id}, ${author}, 'planted', 'push')`)
  const { differences } = await check()
  expect(differences).toMatchObject([{ reader, expected: `${id} shows ${id}` }])
  await stack.db.execute(sql`delete from posts where id = ${id}`)
})

describe('the command', () => {
  const run = async (...args: string[]) => {
    const command = fileURLToPath(new URL('../../dev/simulate.ts', import.meta.url))
    return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [command, ...args], (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
      )
    })
  }

  test('says in one line that no stack runs, and what is wrong with a flag', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tideline-simulate-'))
    try {
      const [idle, flag, help] = await Promise.all([run('--state-dir', folder), run('--speed', '0'), run('--help')])
      expect(idle).toEqual({ code: 2, stdout: '', stderr: 'no stack runs: npm start first\n' })
      expect(flag).toEqual({ code: 2, stdout: '', stderr: '--speed is a number from 0.1 to 1440, not "0"\n' })
      expect(help).toMatchObject({ code: 0, stderr: '' })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
