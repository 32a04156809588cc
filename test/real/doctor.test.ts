import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { firstIdAt } from '../../contract/ids.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { type Examination, examine, sightsOf } from '../../dev/doctor/examine.ts'
import { examineKey } from '../../dev/doctor/key.ts'
import { isAmiss, reportOf } from '../../dev/doctor/report.ts'
import type { Target } from '../../dev/doctor/target.ts'
import { askRoute } from '../../dev/explain/author.ts'
import { explainPassage } from '../../dev/explain/passage.ts'
import { insertInvalidations } from '../../origin/db/invalidations.ts'
import { deleteActivity, insertActivity } from '../../origin/db/posts.ts'
import { runDevCommand } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { saboteurOf } from '../support/monitored.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type Client, type Stack, startStack } from '../support/stack.ts'

const MINUTE_MS = 60_000
const MINUTE_AGO = sql`now() - interval '1 minute'`

let stack: Stack
let target: Target
let saboteur: ReturnType<typeof saboteurOf>
/** Follows the author; a stack fans nothing out by itself, so that what is late stays late. */
let reader: Client
let author = ''
let minted = firstIdAt(Date.now() - MINUTE_MS)

beforeAll(async () => {
  stack = await startStack({
    origin: { FANOUT_WORKERS: '0' },
    worker: { MEMORY_MAX_AGE_MS: '50', L2_DEADLINE_MS: '10000', LOAD_DEADLINE_MS: '10000' },
  })
  const [first = '', second = ''] = await makeUsers(stack.db, 2)
  author = first
  reader = await stack.client(second)
  await makeFollows(stack.db, [[second, first]])
  saboteur = saboteurOf(stack)
  target = {
    databaseUrl: new URL(stack.databaseUrl),
    workerUrl: stack.urls[0],
    originUrl: stack.originUrl(),
    jwtSecret: stack.secrets.JWT_SECRET,
    l2: { url: stack.l2Url, token: stack.l2Token, prefix: 'tideline:' },
    edgeSecret: stack.secrets.EDGE_SECRET,
  }
  await stack.db.execute(sql`update follows set created_at = now() - interval '1 hour'`)
  await post()
  await reader.fetch('/v1/feed/following')
  await stack.db.execute(sql`update viewers set enrolled_at = now() - interval '1 hour' where viewer_id = ${second}`)
})
afterAll(() => stack?.stop())

/** A post of a minute ago, fanned out as far as told: its push acknowledged a minute ago too, whether Redis has it or not. */
async function post(how: 'queued' | 'pushed' | 'lost' = 'pushed'): Promise<string> {
  const id = ++minted
  await insertActivity(stack.db, { id, authorId: BigInt(author), text: 'a post', root: null })
  if (how === 'queued') return String(id)
  saboteur.state.drops = how === 'lost'
  await saboteur.fanOut()
  saboteur.state.drops = false
  await stack.db.execute(sql`update fanout_chunks set inserted_at = ${MINUTE_AGO}, pushed_at = ${MINUTE_AGO} where activity_id = ${id}`)
  return String(id)
}

const examined = (
  question: { reader?: string; pageSize?: number; maxPages?: number } = {},
  changes: Partial<Target> = {},
): Promise<Examination> =>
  examine(
    stack.db,
    { ...target, ...changes },
    {
      reader: reader.id,
      pageSize: 50,
      maxPages: Number.POSITIVE_INFINITY,
      maxPosts: Number.POSITIVE_INFINITY,
      onPage: () => {},
      ...question,
    },
  )
/** Isolates need a moment to read what was written a minute ago only by name. */
const settled = () => eventually(async () => expect(told(await examined())).toEqual([]))
const told = ({ differences }: Examination) => differences.map(({ kind, verdict, activityId }) => [kind, verdict, activityId])

test('a feed that is as it should be: nothing is beyond the promise, at any page size, and the command ends with 0', async () => {
  await post()
  await post()
  await settled()
  for (const pageSize of [1, 2, 50]) {
    const examination = await examined({ pageSize })
    expect(examination).toMatchObject({ differences: [], scroll: { ended: 'end', lines: { length: 3 } } })
    expect(isAmiss(examination)).toBe(false)
  }
  expect(await examined({ pageSize: 1, maxPages: 2 })).toMatchObject({
    differences: [],
    scroll: { ended: 'limit', pages: 2 },
    activities: 2,
  })
  const args = ['--reader', `user-${reader.id}`, '--url', stack.urls[0] ?? '', '--state-dir', '/nowhere']
  const command = await runDevCommand('doctor', args, { ...stack.environment, JWT_SECRET: stack.secrets.JWT_SECRET })
  expect(command, command.output).toMatchObject({ code: 0, output: expect.stringContaining('Nothing is beyond the promise.') })
})

test('a post whose fan-out waits for a minute is late, and the queue is named; once it is fanned out all is well', async () => {
  const id = await post('queued')
  const examination = await examined()
  expect(told(examination)).toEqual([['missing', 'late beyond the promise', id]])
  expect(reportOf(examination)).toMatch(
    /its fan-out is queued since \d+\.\d s ago[\s\S]*Fan-out has not come to it yet[\s\S]*1 difference beyond the promise/,
  )
  await saboteur.fanOut()
  await stack.db.execute(sql`update fanout_chunks set pushed_at = ${MINUTE_AGO}`)
  await settled()
})

test('a push that Redis acknowledged and never did is wrong, and said to be lost in L2', async () => {
  const id = await post('lost')
  const examination = await examined()
  expect(told(examination)).toEqual([['missing', 'wrong', id]])
  expect(reportOf(examination)).toMatch(
    /its push was acknowledged \d+\.\d s ago; it is in the reader's rows\n +L2 +tl: lacks it;[\s\S]*edge +an isolate answers[^\n]*without it[\s\S]*the push was lost/,
  )
  await stack.redis.flush()
  await settled()
})

test('a deleted post that is shown: late while its invalidation is owed, wrong when it was acknowledged and lost', async () => {
  const id = await post()
  const key = keyOf.post(id, 'public')
  const inL2 = async () => {
    await reader.fetch('/v1/feed/following')
    return (await examineKey(stack.db, await sightsOf(target), key))[0]?.verdict
  }
  await eventually(async () => expect(await inL2()).toBe('right'))
  const versions = await deleteActivity(stack.db, BigInt(id), BigInt(author))
  await insertInvalidations(stack.db, [{ key, truth: versions?.truth ?? 0, replacement: 'x' }])
  await stack.db.execute(sql`update posts set deleted_at = ${MINUTE_AGO} where id = ${id}`)
  const owed = await examined()
  expect(told(owed)).toEqual([['leaked', 'late beyond the promise', id]])
  expect(reportOf(owed)).toMatch(
    /is shown, and must not be since \d+\.\d s before the read: it was deleted[\s\S]*owed +Redis has not acknowledged/,
  )
  await stack.db.execute(sql`update invalidations set done_at = ${MINUTE_AGO} where done_at is null`)
  const lost = await examined()
  expect(told(lost)).toEqual([['leaked', 'wrong', id]])
  expect(reportOf(lost)).toContain('an invalidation was lost')

  // The memory of an isolate forgets within two seconds, which a slow machine needs to look.
  const everywhere = async () => {
    await reader.fetch('/v1/feed/following')
    return examineKey(stack.db, await sightsOf(target), key)
  }
  await eventually(async () =>
    expect(await everywhere()).toMatchObject([
      { place: 'L2', verdict: 'wrong' },
      { place: 'edge', verdict: 'wrong' },
    ]),
  )
  await stack.redis.flush()
  await settled()
})

test('what cannot be looked at is said, and what nobody can answer ends with 2', async () => {
  await post('queued')
  const blind = await examined({}, { l2: undefined, edgeSecret: undefined })
  expect(reportOf(blind)).toMatch(/L2 +not looked at: UPSTASH_REDIS_REST_URL[\s\S]*edge +not looked at: EDGE_SECRET/)
  stack.facade.setFault(() => ({ status: 500, error: 'ERR Redis is unreachable' }))
  await eventually(async () =>
    expect(reportOf(await examined())).toMatch(/said l2-unavailable[\s\S]*L2 +not looked at: ERR Redis is unreachable/),
  )
  stack.facade.setFault(undefined)
  await stack.stopOrigin()
  const [newcomer = ''] = await makeUsers(stack.db, 1) // of whom no cache knows anything
  const stopped = await examined({ reader: newcomer })
  expect(isAmiss(stopped)).toBe(true)
  expect(reportOf(stopped)).toMatch(/the scroll went no further: the edge answers 503/)
  await stack.startOrigin()
  await expect(examined({}, { jwtSecret: undefined })).rejects.toThrow('JWT_SECRET')
  const nobody = await runDevCommand('doctor', ['--reader', 'nobody', '--state-dir', '/nowhere'], stack.environment)
  expect(nobody).toEqual({ code: 2, output: 'there is no user "nobody"\n' })
})

test('npm run explain says what becomes of a post, and by which way one reached a reader or why not', async () => {
  const where = ['--state-dir', '/nowhere', '--origin-url', stack.originUrl(), '--url', stack.urls[0] ?? '']
  const explain = (...args: string[]) => runDevCommand('explain', [...args, ...where], stack.environment)
  expect((await fetch(`${stack.originUrl()}/internal/route/${author}`)).status).toBe(401)
  expect(await askRoute(target, `user-${author}`)).toMatchObject({
    author: { id: author, account: 'open' },
    mode: 'push',
    followers: { count: 1, active: 1, present: expect.any(Number), exact: true },
    fanout: { lane: 'small', chunks: 1, dead: 0 },
    costs: { push: { rows: 1, l2Keys: 2, l2Calls: 1 }, pull: { rows: 0, l2Keys: 1, keysPerRead: 1 } },
    next: [{ change: 'becomes a candidate, which timelines name' }, { change: 'is hot: no rows any more' }],
  })
  await stack.db.execute(sql`update authors set route = 'pull', announced_at = now(), follower_count = 1000001 where author_id = ${author}`)
  expect(await explain('--author', author)).toEqual({
    code: 0,
    output: expect.stringMatching(
      /mode +pulled[\s\S]*why +1,000,001 followers are at least[\s\S]*next +is demoted[\s\S]*pull \(now\) +0 +1 +1 +1\n/,
    ),
  })
  await stack.db.execute(sql`update authors set route = 'push', announced_at = null, follower_count = 1 where author_id = ${author}`)

  const id = await post()
  const reached = await explain('--reader', `user-${reader.id}`, '--post', id)
  expect(reached).toEqual({
    code: 0,
    output: expect.stringMatching(/reaches @user-\d+ \(\d+\): row\n[\s\S]*Redis acknowledged the push[\s\S]*L2 +tl: /),
  })
  const sights = await sightsOf(target)
  expect(await explainPassage(stack.db, sights, reader.id, await post('queued'))).toMatchObject({
    way: 'coming',
    because: expect.stringContaining('has not come to this reader yet'),
  })
  const [stranger = ''] = await makeUsers(stack.db, 1)
  expect(await explain('--reader', stranger, '--post', id, '--json')).toEqual({
    code: 1,
    output: expect.stringMatching(/"way": null,[\s\S]*does not follow @user-/),
  })
  await expect(askRoute(target, 'nobody')).rejects.toThrow('there is no user "nobody"')
  await expect(explainPassage(stack.db, sights, reader.id, '2199999999999999999')).rejects.toThrow('there is no post')
  expect(await explain('--reader', reader.id, '--post', 'x')).toEqual({
    code: 2,
    output: '--post is the id of a post, 19 digits, not "x"\n',
  })
  await saboteur.fanOut()
})

test('a dormant reader: what will happen is said, and the feed is complete', async () => {
  // Each time anew: an isolate that waits long for L2 answers from memory what was before.
  const examination = await eventually(async () => {
    await stack.db.execute(sql`
      update viewers set enrolled_at = null, last_active_at = now() - interval '90 days' where viewer_id = ${reader.id}`)
    await stack.redis.flush()
    const found = await examined()
    expect(found.differences).toEqual([])
    return found
  })
  expect(reportOf(examination)).toContain('dormant: has not read for 90 days, so nothing was pushed')
})
