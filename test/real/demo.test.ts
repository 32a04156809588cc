import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import {
  type CrowdLine,
  crowdLineSchema,
  demoReadersSchema,
  demoStateSchema,
  demoTokenSchema,
  MAX_DEMO_READERS,
} from '../../contract/demo.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { pageSchema } from '../../contract/post.ts'
import { writePast } from '../support/activity.ts'
import { eventually } from '../support/eventually.ts'
import { expectProblem } from '../support/expect-problem.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type SlowOrigin, startSlowOrigin } from '../support/slow-origin.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { startWorkerd, type Workerd } from '../support/workerd.ts'

const CROWD = 200
/** What the origin serves at once: a crowd that comes all at once is more. */
const PLACES = 4
const JSON_TYPE = { 'content-type': 'application/json' }
/** No deadline may end a load that a test holds back, nor a call to L2 because the machine is busy. */

let stack: Stack
let origin: SlowOrigin
let on: Workerd
let off: Workerd
let url = ''
let people: string[] = []
let posts: string[] = []

beforeAll(async () => {
  origin = await startSlowOrigin()
  stack = await startStack({ processes: 0, origin: { DEMO: 'on', MAX_CONCURRENT_REQUESTS: String(PLACES) } })
  origin.aimAt(stack.originUrl())
  const bindings = { ...stack.bindings, ORIGIN_URL: origin.url }
  const bundle = inject('workerBundle')
  const [switchedOn, switchedOff] = await Promise.all([
    startWorkerd({ bundle, bindings: { ...bindings, DEMO: 'on' } }),
    startWorkerd({ bundle, bindings }),
    makeUsers(stack.db, 40).then((made) => {
      people = made
    }),
  ])
  on = switchedOn
  off = switchedOff
  url = on.urls[0] ?? ''
  const [busy = '', star = '', ...others] = people
  const pairs: [string, string][] = [
    ...others.map((id): [string, string] => [id, star]),
    ...others.slice(0, 30).map((id): [string, string] => [busy, id]),
  ]
  await makeFollows(stack.db, pairs)
  await stack.db.execute(sql`update authors set route = 'pull', candidate_since = now() where author_id = ${star}`)
  await writePast(stack.db, others, { seed: 7, posts: 40, reposts: 0, deleted: 0, spanMs: 86_400_000 })
  posts = (await stack.db.execute<{ id: string }>(sql`select id::text from posts order by id`)).map(({ id }) => id)
}, 30_000)
afterAll(async () => {
  await Promise.all([on?.stop(), off?.stop()])
  await stack?.stop()
  await origin?.close()
})

const take = (): string => posts.pop() ?? ''
const post = (path: string, body?: unknown, headers: Record<string, string> = JSON_TYPE, base = url) =>
  fetch(base + path, { method: 'POST', headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })

/** A burst to its end: its lines. */
async function burst(body: Record<string, unknown>): Promise<CrowdLine[]> {
  const response = await post('/demo/crowd', body)
  const answer = await response.text()
  expect(response.status, answer).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  const lines = answer.trimEnd().split('\n')
  return lines.map((line) => crowdLineSchema.parse(JSON.parse(line)))
}

/** Holds back the loads alone; answers what lets them go. */
function holdLoads(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  origin.setRule((path) => (path === '/internal/load' ? { until: promise } : {}))
  return () => {
    origin.setRule(undefined)
    resolve()
  }
}

/** Begins a burst and reads no further than its headers. */
function begin(body: Record<string, unknown>): Promise<{ readonly asked: ClientRequest; readonly response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/demo/crowd`, { method: 'POST', headers: JSON_TYPE, agent: false }, (response) =>
      resolve({ asked, response }),
    )
    asked.on('error', reject)
    asked.end(JSON.stringify(body))
  })
}

/** A request that names another host than it is sent to. */
function askAs(host: string, path: string, method = 'GET', body = '', more: Record<string, string> = {}): Promise<Response> {
  return new Promise((resolve, reject) => {
    const headers = { host, ...(body ? JSON_TYPE : {}), ...more }
    const asked = request(url + path, { method, headers, agent: false }, (response) => {
      text(response).then(
        (answer) => resolve(new Response(answer, { status: response.statusCode ?? 0, headers: headersOf(response) })),
        reject,
      )
    })
    asked.on('error', reject)
    asked.end(body)
  })
}
const headersOf = ({ headers }: IncomingMessage) => Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)])

/** Every demo route but the one that tells whether they are there. */
const routes = (): readonly (readonly [method: string, path: string, body: string])[] => [
  ['GET', '/demo/readers', ''],
  ['POST', `/demo/readers/${people[0]}/token`, ''],
  ['POST', '/demo/crowd', JSON.stringify({ post_id: posts[0] })],
  ['DELETE', '/demo/crowd', ''],
]

describe('a burst at one cold key', () => {
  test('with the protection on, two hundred readers cost the origin one load', async () => {
    const id = take()
    const key = keyOf.post(id, 'public')
    expect((await fetch(`${url}/v1/posts/${id}`)).status).toBe(200) // L2 has it
    const before = stack.loads(key)
    const lines = await burst({ post_id: id })
    expect(lines.at(-1)).toMatchObject({ readers: CROWD, answered: CROWD, failed: 0, origin_loads: 1, done: true })
    expect(stack.loads(key) - before).toBe(1)
    expect(lines.slice(0, -1).map((line) => line.done)).not.toContain(true)
    const [last] = lines.slice(-1)
    if (!last?.done) throw new Error('the last line is not done')
    expect(last.p99_ms).toBeGreaterThanOrEqual(last.p50_ms ?? Number.POSITIVE_INFINITY)

    const [again] = (await burst({ post_id: id, readers: 1 })).slice(-1)
    expect(again).toMatchObject({ readers: 1, answered: 1, origin_loads: 1 })
  })

  test('with the protection off each of them does, and those that the origin refuses are counted too', async () => {
    const id = take()
    const key = keyOf.post(id, 'public')
    const letGo = holdLoads()
    const running = burst({ post_id: id, protected: false })
    await eventually(() => expect(origin.asked(key)).toBe(CROWD))
    stack.events.length = 0
    letGo()
    const [last] = (await running).slice(-1)
    expect(last).toMatchObject({ readers: CROWD, done: true })
    expect(last?.origin_loads).toBeGreaterThanOrEqual(CROWD) // more where one was refused and asked again
    expect(last?.failed).toBeGreaterThan(0)
    expect((last?.answered ?? 0) + (last?.failed ?? 0)).toBe(CROWD)
    expect(stack.loads(key)).toBeLessThan(CROWD)
  })

  test('a second one is refused while the first runs, which tells how it fares; the worker serves others meanwhile', async () => {
    const letGo = holdLoads()
    try {
      const { response } = await begin({ post_id: take(), readers: 10 })
      expect(response.statusCode).toBe(200)
      const [first] = await once(response, 'data')
      expect(crowdLineSchema.parse(JSON.parse(String(first).split('\n')[0] ?? ''))).toMatchObject({ readers: 10, answered: 0, done: false })
      await expectProblem(await post('/demo/crowd', { post_id: posts[0] }), 'conflict')
      expect((await fetch(`${url}/healthz`)).status).toBe(200)
      letGo()
      const rest = (await text(response)).trimEnd().split('\n')
      expect(JSON.parse(rest.at(-1) ?? '')).toMatchObject({ answered: 10, origin_loads: 1, done: true })
    } finally {
      letGo()
    }
    await burst({ post_id: take(), readers: 1 })
  })

  test('a client that leaves ends its burst', async () => {
    const letGo = holdLoads() // without an end it would run for ten seconds
    try {
      const { asked } = await begin({ post_id: take(), readers: 10, protected: false })
      await expectProblem(await post('/demo/crowd', { post_id: posts[0] }), 'conflict')
      asked.on('error', () => {})
      asked.socket?.resetAndDestroy()
      const id = take()
      await eventually(async () => {
        const next = await begin({ post_id: id, readers: 1 })
        const { statusCode } = next.response
        next.response.resume()
        expect(statusCode).toBe(200)
      }, 5_000)
    } finally {
      letGo()
    }
  })

  test('a post that is not there, or no longer, has none', async () => {
    const id = take()
    await eventually(async () => expectProblem(await post('/demo/crowd', { post_id: '1999999999999999999' }), 'not-found'))
    await stack.db.execute(sql`update posts set deleted_at = now(), version = version + 1 where id = ${id}`)
    await expectProblem(await post('/demo/crowd', { post_id: id }), 'not-found')
  })
})

describe('readers to choose from', () => {
  const readers = async (query: string, status = 200) => {
    const response = await fetch(`${url}/demo/readers${query}`)
    expect(response.status).toBe(status)
    expect(response.headers.get('cache-control')).toBe('no-store')
    return demoReadersSchema.parse(await response.json()).readers
  }

  test('are those who follow many and those whom many follow, in the same order each time', async () => {
    const found = await readers('')
    const [busy, star] = people
    expect(found.length).toBeLessThanOrEqual(MAX_DEMO_READERS)
    expect(found[0]).toEqual({
      id: busy,
      handle: `user-${busy}`,
      name: `User ${busy}`,
      following: 30,
      followers: 0,
      crowded: false,
      followed: false,
    })
    expect(found).toContainEqual(expect.objectContaining({ id: star, following: 0, followers: 38, crowded: true }))
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length)
    expect(await readers('')).toEqual(found)
  })

  test('are found by the beginning of their handle, or by their id; the viewer learns whom they follow', async () => {
    const [busy = '', star = '', followed = ''] = people
    expect(await readers('?query=USER-11')).toHaveLength(MAX_DEMO_READERS)
    expect((await readers(`?query=${star}`)).map(({ id }) => id)).toEqual([star])
    expect((await readers(`?query=user-${followed}&viewer=${busy}`)).map((one) => one.followed)).toEqual([true])
    expect((await readers(`?query=user-${star}&viewer=${busy}`)).map((one) => one.followed)).toEqual([false])
    for (const nobody of ['%25', '_', 'ser-', '%27; drop table users']) expect(await readers(`?query=${nobody}`), nobody).toEqual([])
  })

  test('have tokens with which their feed is read; nobody else has', async () => {
    const [busy = ''] = people
    const response = await post(`/demo/readers/${busy}/token`, undefined, {})
    expect(response.headers.get('cache-control')).toBe('no-store')
    const { token, expires_at: end } = demoTokenSchema.parse(await response.json())
    expect(Date.parse(end)).toBeGreaterThan(Date.now() + 3_000_000)
    const feed = await fetch(`${url}/v1/feed/following`, { headers: { authorization: `Bearer ${token}` } })
    expect(feed.status).toBe(200)
    expect(pageSchema.parse(await feed.json()).posts.length).toBeGreaterThan(0)
    await expectProblem(await post('/demo/readers/1999999999999999999/token', undefined, {}), 'not-found')
  })
})

test('what is not valid is refused with its reason', async () => {
  const [id = ''] = posts
  for (const query of ['?viewer=1', `?query=${'x'.repeat(65)}`, '?query=%00', '?more=1']) {
    await expectProblem(await fetch(`${url}/demo/readers${query}`), 'bad-request')
  }
  await expectProblem(await post('/demo/readers/1/token', undefined, {}), 'bad-request')
  for (const body of [{}, { post_id: 1 }, { post_id: id, readers: 0 }, { post_id: id, readers: 501 }, { post_id: id, protected: 'no' }]) {
    await expectProblem(await post('/demo/crowd', body), 'bad-request')
  }
  // A page of another site can send this without asking first.
  await expectProblem(await post('/demo/crowd', { post_id: id }, { 'content-type': 'text/plain' }), 'unsupported-media-type')
  await expectProblem(await post('/demo/crowd', 'x'.repeat(2_000)), 'too-large')
  await expectProblem(await fetch(`${url}/demo/crowd`), 'method-not-allowed')
})

describe('nobody but a developer', () => {
  const stateOf = async (response: Response) => {
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
    return demoStateSchema.parse(await response.json()).enabled
  }

  test.each(['127.0.0.1:8787', 'localhost:8787', '[::1]:8787', 'localhost'])('the demo is there for who asks %s', async (host) => {
    expect(await stateOf(await askAs(host, '/demo'))).toBe(true)
    expect((await askAs(host, '/demo/readers')).status).toBe(200)
  })

  test.each(['tideline.example', 'localhost.example', '127.0.0.1.example:8787', '10.0.0.1', '0.0.0.0'])(
    'but not for who asks %s',
    async (host) => {
      expect(await stateOf(await askAs(host, '/demo'))).toBe(false)
      for (const [method, path, body] of routes()) await expectProblem(await askAs(host, path, method, body), 'not-found')
    },
  )

  test.each(['https://tideline.example', 'null'])('nor for a page of %s, whatever name it leads here', async (origin) => {
    expect(await stateOf(await askAs('localhost', '/demo', 'GET', '', { origin }))).toBe(false)
    await expectProblem(await askAs('localhost', '/demo/readers', 'GET', '', { origin }), 'not-found')
    expect(await stateOf(await askAs('localhost', '/demo', 'GET', '', { origin: 'http://localhost:8787' }))).toBe(true)
  })

  test('where it is off, which it is unless switched on, there is nothing', async () => {
    const base = off.urls[0] ?? ''
    expect(await stateOf(await fetch(`${base}/demo`))).toBe(false)
    for (const [method, path, body] of routes()) {
      await expectProblem(await fetch(base + path, { method, ...(body ? { body, headers: JSON_TYPE } : {}) }), 'not-found')
    }
  })

  test('the origin answers its part to the edge alone', async () => {
    for (const name of ['readers', 'watch', 'watched']) {
      await expectProblem(await post(`/internal/demo/${name}`, {}, JSON_TYPE, stack.originUrl()), 'unauthorized')
    }
  })
})
