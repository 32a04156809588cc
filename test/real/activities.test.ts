import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ACTIVITY_KINDS, type ActivityPage, activityPageSchema, type LoggedActivity } from '../../contract/activities.ts'
import { pruneActivities } from '../../origin/db/activities.ts'
import { importFollows } from '../../origin/db/import.ts'
import { eventually } from '../support/eventually.ts'
import { expectProblem } from '../support/expect-problem.ts'
import { ROOT } from '../support/image.ts'
import { callerOf } from '../support/origin-caller.ts'
import { makeUsers } from '../support/people.ts'
import { mulberry32 } from '../support/random.ts'
import { type Stack, startStack } from '../support/stack.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)

let stack: Stack
let token: string
beforeAll(async () => {
  stack = await startStack()
  token = await stack.tokenFor({ role: 'service' })
})
afterAll(() => stack?.stop())

const ask = (query: string, bearer: string | undefined = token): Promise<Response> =>
  fetch(`${stack.urls[0]}/v1/activities${query}`, bearer === '' ? {} : { headers: { authorization: `Bearer ${bearer}` } })

async function page(query: string): Promise<ActivityPage> {
  const response = await ask(query)
  const text = await response.text()
  expect([response.status, response.headers.get('cache-control')], text).toEqual([200, 'no-store'])
  return activityPageSchema.parse(JSON.parse(text))
}
const newest = async (): Promise<string> => (await page('?from=newest')).next_cursor

/** What follows a cursor, so many of them, page by page. Transactions of other tests on this server hold the log back for a moment. */
async function following(cursor: string, count: number, query = ''): Promise<LoggedActivity[]> {
  const read: LoggedActivity[] = []
  let next = cursor
  await eventually(async () => {
    const { activities, next_cursor } = await page(`?cursor=${next}${query}`)
    read.push(...activities)
    next = next_cursor
    expect(read.length).toBeGreaterThanOrEqual(count)
  }, 60_000)
  expect(read.length).toBe(count)
  return read
}

/** Requests as this user, straight to the origin; each must be done. */
function actor(id: string) {
  const call = callerOf(stack, id)
  return async (method: string, path: string, body?: unknown): Promise<Record<string, string>> => {
    const response = await call(method, path, body)
    const text = await response.text()
    expect(response.status, `${method} ${path}: ${text}`).toBeLessThan(300)
    return text === '' ? {} : JSON.parse(text)
  }
}

test('each kind is told with what belongs to it, in the order in which it was acknowledged', async () => {
  const start = await newest()
  const [ada = '', ben = ''] = await makeUsers(stack.db, 2)
  const [asAda, asBen, service] = [actor(ada), actor(ben), callerOf(stack)]
  const { id: post = '' } = await asBen('POST', '/v1/posts', { text: 'Hello', audience: 'public' })
  const { id: repost = '' } = await asAda('POST', `/v1/posts/${post}/repost`)
  await asAda('POST', `/v1/posts/${post}/like`)
  await asAda('POST', `/v1/posts/${post}/like`) // changes nothing
  await asAda('DELETE', `/v1/posts/${post}/like`)
  await asAda('DELETE', `/v1/posts/${post}/repost`)
  await asAda('POST', `/v1/users/${ben}/mute`)
  await asBen('PUT', `/v1/users/${ben}/privacy`, { private: true })
  await asAda('POST', `/v1/users/${ben}/follow`) // asks
  await asBen('PUT', `/v1/follow-requests/${ada}`)
  await asBen('PUT', `/v1/users/${ben}/privacy`, { private: false })
  await asBen('POST', `/v1/users/${ada}/block`)
  await asBen('DELETE', `/v1/users/${ada}/block`)
  await service('PUT', `/v1/users/${ada}/suspension`, { suspended: true })
  await service('PUT', `/v1/users/${ada}/suspension`, { suspended: false })
  const { id: gone = '' } = await asAda('POST', '/v1/posts', { text: 'Never mind', audience: 'followers' })
  await asAda('DELETE', `/v1/posts/${gone}`)
  await asAda('DELETE', `/v1/users/${ada}`)
  async function* edges() {
    yield [['ann', 'bob']] as const
  }
  let id = 1_800_000_000_000_000_000n
  await importFollows(stack.databaseUrl, { edges: edges(), mint: () => ++id, crowdFloor: 1_000, onStep: () => {} })

  const expected = [
    { kind: 'post', actor_id: ben, post_id: post, text: 'Hello', audience: 'public' },
    { kind: 'repost', actor_id: ada, post_id: repost, root_id: post, audience: 'public' },
    { kind: 'like', actor_id: ada, post_id: post },
    { kind: 'unlike', actor_id: ada, post_id: post },
    { kind: 'delete', actor_id: ada, post_id: repost, root_id: post },
    { kind: 'make-private', actor_id: ben },
    { kind: 'follow', actor_id: ada, subject_id: ben },
    { kind: 'make-public', actor_id: ben },
    { kind: 'block', actor_id: ben, subject_id: ada },
    { kind: 'unfollow', actor_id: ada, subject_id: ben },
    { kind: 'unblock', actor_id: ben, subject_id: ada },
    { kind: 'suspend', actor_id: ada },
    { kind: 'restore', actor_id: ada },
    { kind: 'post', actor_id: ada, post_id: gone, text: null, audience: 'followers' },
    { kind: 'delete', actor_id: ada, post_id: gone },
    { kind: 'delete-account', actor_id: ada },
    { kind: 'import' },
  ]
  const read = await following(start, expected.length)
  expect(read.map(({ cursor: _, at: __, ...rest }) => rest)).toEqual(expected)
  expect(new Set(read.map(({ kind }) => kind))).toEqual(new Set(ACTIVITY_KINDS))

  // The same in pages of one, from the middle, and of some kinds.
  expect(await following(start, expected.length, '&limit=1')).toEqual(read)
  expect(await following(read[4]?.cursor ?? '', expected.length - 5)).toEqual(read.slice(5))
  expect(await following(start, 3, '&kinds=follow,like,restore')).toEqual(read.filter(({ kind }) => /^(follow|like|restore)$/.test(kind)))
})

test('what is looked through for a kind is bounded: a page may be empty and not the last', async () => {
  const start = await newest()
  const first = 1_800_000_000_000_000_000n
  await stack.db.execute(sql`
    insert into activities (kind, actor_id, post_id) select 'like', ${first}::bigint, ${first}::bigint + n from generate_series(1, 5001) n`)
  const empty = await eventually(async () => {
    const found = await page(`?cursor=${start}&kinds=unlike`)
    expect(found.up_to_date).toBe(false)
    return found
  })
  expect(empty.activities).toEqual([])
  const [last] = await following(empty.next_cursor, 1)
  expect(last?.post_id).toBe(String(first + 5001n))
})

test('what is asked wrongly, or by whom it is not for, is a problem', async () => {
  const [ada = ''] = await makeUsers(stack.db, 1)
  await expectProblem(await ask('', ''), 'unauthorized')
  await expectProblem(await ask('', await stack.tokenFor({ sub: ada })), 'forbidden')
  const cursor = await newest()
  for (const wrong of ['', 'x', '1.2', cursor.slice(1), `${cursor}0000000000000000000`, cursor.replace('.', '.-')]) {
    await expectProblem(await ask(`?cursor=${wrong}`), 'bad-cursor')
  }
  for (const wrong of ['limit=0', 'limit=1001', 'limit=ten', 'kinds=', 'kinds=post,tea', 'from=now', `from=newest&cursor=${cursor}`]) {
    await expectProblem(await ask(`?${wrong}`), 'bad-request')
  }
  await expectProblem(await fetch(`${stack.urls[0]}/v1/activities`, { method: 'POST' }), 'method-not-allowed')
})

/** What the tables say, or what the log makes of nothing; each thing that stands as a line of text. */
const stateOf = (things: Iterable<string>): string[] => [...things].sort()

/** Plays the log: every activity says how something is from then on. */
function play(activities: readonly LoggedActivity[]): string[] {
  const standing = new Set<string>()
  const put = (stands: boolean, thing: string) => void (stands ? standing.add(thing) : standing.delete(thing))
  for (const { kind, actor_id, post_id, root_id, subject_id } of activities) {
    if (kind === 'post') put(true, `post ${post_id}`)
    if (kind === 'repost') put(true, `repost ${post_id} of ${root_id}`)
    if (kind === 'delete') put(false, root_id === undefined ? `post ${post_id}` : `repost ${post_id} of ${root_id}`)
    if (kind === 'like' || kind === 'unlike') put(kind === 'like', `${actor_id} likes ${post_id}`)
    if (kind === 'follow' || kind === 'unfollow') put(kind === 'follow', `${actor_id} follows ${subject_id}`)
    if (kind === 'block' || kind === 'unblock') put(kind === 'block', `${actor_id} blocks ${subject_id}`)
    if (kind === 'make-private' || kind === 'make-public') put(kind === 'make-private', `${actor_id} is private`)
    if (kind === 'suspend' || kind === 'restore') put(kind === 'suspend', `${actor_id} is suspended`)
  }
  return stateOf(standing)
}

test('under concurrent writes no reader misses one or sees one early, and the log played is what the tables hold', async () => {
  const random = mulberry32(SEED)
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T
  const start = await newest()
  const people = await makeUsers(stack.db, 4)
  const post = async (id: string) => (await actor(id)('POST', '/v1/posts', { text: 'mine' })).id ?? ''
  const posts = await Promise.all(people.map(post))
  const service = callerOf(stack)
  const step = async (): Promise<unknown> => {
    const [one, other] = [pick(people), pick(people)]
    const call = callerOf(stack, one)
    const method = random() < 0.5 ? 'POST' : 'DELETE'
    const yes = random() < 0.4
    const deeds = [
      () => call(method, `/v1/users/${other}/follow`),
      () => call(method, `/v1/users/${other}/follow`),
      () => call('POST', `/v1/users/${other}/follow`),
      () => call(random() < 0.3 ? 'POST' : 'DELETE', `/v1/users/${other}/block`),
      () => call(method, `/v1/posts/${pick(posts)}/like`),
      () => call(method, `/v1/posts/${pick(posts)}/repost`),
      () => call('PUT', `/v1/users/${one}/privacy`, { private: yes }),
      () => service('PUT', `/v1/users/${one}/suspension`, { suspended: yes }),
    ]
    return (await pick(deeds)()).arrayBuffer() // many are refused, as they would be
  }

  let writing = true
  const reading = (async () => {
    const read: LoggedActivity[] = []
    for (let cursor = start; ; ) {
      const more = writing
      const { activities, next_cursor, up_to_date } = await page(`?cursor=${cursor}&limit=10`)
      read.push(...activities)
      cursor = next_cursor
      if (!more && up_to_date) return { read, cursor }
      if (up_to_date) await sleep(25)
    }
  })()
  const writers = Array.from({ length: 6 }, async () => {
    for (let i = 0; i < 15; i++) await step()
  })
  await Promise.all(writers).finally(() => (writing = false))
  const { read, cursor } = await reading

  const rows = await stack.db.execute<{ seq: string }>(sql`
    select seq::text from activities where (xid, seq) > (${start.split('.')[1]}::xid8, 0) order by xid, seq`)
  const rest = await following(cursor, rows.length - read.length)
  const all = [...read, ...rest]
  expect(
    all.map((activity) => activity.cursor.split('.')[2]),
    `seed ${SEED}`,
  ).toEqual(rows.map(({ seq }) => seq))
  const [tables] = await stack.db.execute<{ standing: string[] }>(sql`
    with people as (select id from users where id = any(${`{${people}}`}::bigint[])), standing(thing) as (
      select case when root_id is null then 'post ' || posts.id else 'repost ' || posts.id || ' of ' || root_id end
        from posts join people on people.id = author_id where deleted_at is null
      union all select user_id || ' likes ' || post_id from likes join people on id = user_id
      union all select follower_id || ' follows ' || followee_id from follows join people on id = follower_id
      union all select blocker_id || ' blocks ' || blocked_id from blocks join people on id = blocker_id
      union all select id || ' is private' from users join people using (id) where private
      union all select id || ' is suspended' from users join people using (id) where suspended_at is not null
    ) select array_agg(thing) as standing from standing`)
  expect(play(all), `seed ${SEED}`).toEqual(stateOf(tables?.standing ?? []))
  // Ordered otherwise, the same log ends in another state: what is compared does depend on the order.
  expect(play(all.toReversed())).not.toEqual(play(all))
}, 120_000)

describe('the example consumer', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tideline-consumer-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  function run(...args: string[]): ChildProcess {
    const { PATH, NODE_COMPILE_CACHE } = process.env
    const env = { PATH, NODE_COMPILE_CACHE, TIDELINE_URL: stack.urls[0], TIDELINE_TOKEN: token }
    return spawn(process.execPath, [join(ROOT, 'docs/examples/search-index.ts'), ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  }

  test('goes on where it was killed, and finds what everybody may see', async () => {
    const file = join(folder, 'index.json')
    const cursorIn = async (): Promise<string | undefined> => JSON.parse(await readFile(file, 'utf8').catch(() => '{}')).cursor
    const [ada = '', ben = ''] = await makeUsers(stack.db, 2)
    const write = async (id: string, text: string, audience = 'public') =>
      (await actor(id)('POST', '/v1/posts', { text, audience })).id ?? ''
    const kill = async (consumer: ChildProcess) => {
      const ended = once(consumer, 'exit')
      consumer.kill('SIGKILL')
      await ended
    }

    const kept = await write(ada, 'The tide comes in')
    const deleted = await write(ada, 'The tide goes out')
    const before = run(file)
    try {
      await eventually(async () => expect(await cursorIn()).toBeDefined(), 60_000)
    } finally {
      await kill(before)
    }
    await write(ben, 'A tide of my own')
    await write(ada, 'A tide for followers', 'followers')
    const late = await write(ada, 'High tide')
    await actor(ada)('DELETE', `/v1/posts/${deleted}`)
    await callerOf(stack)('PUT', `/v1/users/${ben}/suspension`, { suspended: true })
    const after = run(file)
    try {
      await eventually(async () => expect((await page(`?cursor=${await cursorIn()}`)).activities).toEqual([]), 60_000)
      await eventually(async () => expect(JSON.parse(await readFile(file, 'utf8')).hidden[ben]?.suspended).toBe(true), 60_000)
    } finally {
      await kill(after)
    }
    const search = run(file, 'TIDE')
    let found = ''
    search.stdout?.on('data', (data) => (found += data))
    await once(search, 'close')
    expect(found).toBe(`${kept} The tide comes in\n${late} High tide\n`)
  })
})

describe('what is no longer kept', () => {
  test('is pruned from the oldest on, and a cursor from before is told so, never led past it', async () => {
    const begin = await newest()
    const [ada = ''] = await makeUsers(stack.db, 1)
    for (const text of ['one', 'two', 'three']) await actor(ada)('POST', '/v1/posts', { text })
    const [one, two, three] = await following(begin, 3)
    await stack.db.execute(sql`update activities set at = now() - interval '8 days' where seq <= ${two?.cursor.split('.')[2]}::bigint`)
    await eventually(async () => {
      while ((await pruneActivities(stack.db, 7, 2_000)) > 0);
      expect((await page('')).activities.map(({ cursor }) => cursor)).toEqual([three?.cursor])
    })
    for (const cursor of [begin, one?.cursor]) await expectProblem(await ask(`?cursor=${cursor}`), 'cursor-expired')
    expect((await page(`?cursor=${two?.cursor}`)).activities).toEqual([three])
    expect(await pruneActivities(stack.db, 7, 2_000)).toBe(0)
  })

  test('a cursor of a later time, of another log, or from before a restore is refused', async () => {
    const cursor = await newest()
    const [log, xid = ''] = cursor.split('.')
    await expectProblem(await ask(`?cursor=${log}.${BigInt(xid) + 1_000_000n}.0`), 'cursor-expired')
    await expectProblem(await ask(`?cursor=0123456789abcdef.${xid}.0`), 'cursor-expired')

    const [ada = ''] = await makeUsers(stack.db, 1)
    await stack.db.execute(sql`update activity_log set home = 'another server'`)
    await expectProblem(await ask(`?cursor=${cursor}`), 'cursor-expired')
    const anew = await newest()
    expect((await page('')).activities).toEqual([])
    await actor(ada)('POST', '/v1/posts', { text: 'after the restore' })
    expect((await following(anew, 1))[0]).toMatchObject({ kind: 'post', text: 'after the restore' })
  })
})
