import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { pointsRequestSchema } from '../../contract/analytics.ts'
import { activitySchema, pageSchema } from '../../contract/post.ts'
import { readAnalytics } from '../../origin/db/analytics.ts'
import { eventually } from '../support/eventually.ts'
import { createCountingClient } from '../support/mixed-requests.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { mulberry32 } from '../support/random.ts'
import { startSlowOrigin } from '../support/slow-origin.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { startWorkerd } from '../support/workerd.ts'

const FEED = '/v1/feed/following'
const POSTS = '/v1/posts'
const POST = '/v1/posts/:id'
const OF_AUTHOR = '/v1/users/:id/posts'
const REQUESTS = 20_000
const AT_ONCE = 32
const ISOLATES = 3
/** Requests of `startWorkerd` to each isolate. */
const HEALTH_CHECKS = 1

let stack: Stack
let readers: readonly { readonly id: string; readonly token: string }[]
const untilMs = () => Date.now() + 60_000
const analytics = () => readAnalytics(stack.db, 0, untilMs())

beforeAll(async () => {
  stack = await startStack({ isolates: ISOLATES, worker: { ANALYTICS_SINK: 'origin' } })
  const ids = await makeUsers(stack.db, 24)
  await makeFollows(
    stack.db,
    ids.flatMap((id, i) => [1, 2, 3, 5, 8].map((step) => [id, ids[(i + step) % ids.length] ?? id] as const)),
  )
  readers = await Promise.all(ids.map(async (id) => ({ id, token: await stack.tokenFor({ sub: id }) })))
}, 120_000)
afterAll(() => stack.stop())

test('the hit ratio of analytics is the one a client counts over 20,000 mixed requests', async () => {
  const seed = Number(process.env.SEED ?? 20_261_121)
  const random = mulberry32(seed)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  const client = createCountingClient(stack.urls)
  const posts: string[] = []
  const tags = new Map<string, string>()
  async function write(): Promise<void> {
    const { token } = pick(readers)
    const { body } = await client.ask({ route: POSTS, path: POSTS, method: 'POST', token, body: '{"text":"a drop"}' }, 0)
    posts.push(activitySchema.parse(JSON.parse(body)).id)
  }
  async function read(route: string, path: string, token?: string): Promise<void> {
    const tag = random() < 0.2 ? tags.get(path) : undefined
    const ask = { route, path, ...(token ? { token } : {}), ...(tag ? { headers: { 'if-none-match': tag } } : {}) }
    const { headers } = await client.ask(ask, Math.floor(random() * ISOLATES))
    if (headers.etag && !token) tags.set(path, headers.etag)
  }
  async function one(): Promise<unknown> {
    const dice = random()
    const { id, token } = pick(readers)
    if (dice < 0.005) return write()
    if (dice < 0.02) return client.ask({ route: FEED, path: `${FEED}?cursor=bad`, token }, 1)
    if (dice < 0.04) return read(POST, '/v1/posts/1999999999999999999')
    if (dice < 0.05) return client.ask({ route: '/*', path: '/nowhere', token }, 2)
    if (dice < 0.15) return read(FEED, `${FEED}?limit=1`, token)
    if (dice < 0.3) return read(OF_AUTHOR, `/v1/users/${id}/posts?limit=1`)
    return read(POST, `/v1/posts/${pick(posts)}`)
  }
  for (let i = 0; i < 40; i++) await write()
  let left = REQUESTS - posts.length
  const lane = async () => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  client.close()

  const { counted } = client
  expect(counted.requests, `seed ${seed}`).toBe(REQUESTS)
  await eventually(
    async () => {
      // The next point of an isolate tells what it did since its last one, behind answers too.
      await Promise.all(stack.urls.map((url) => fetch(`${url}/healthz`)))
      const { routes, answers, totals } = await analytics()
      const kinds = routes
        .filter(({ route }) => route !== '/healthz')
        .flatMap(({ route, statuses }) => Object.entries(statuses).map(([status, requests]) => [`${route} ${status}`, requests] as const))
      expect(Object.fromEntries(kinds), `seed ${seed}`).toEqual(Object.fromEntries(counted.kinds))
      expect(answers).toEqual(counted.answers)
      expect(totals.dropped).toBe(0)
      // What ran behind the answers is there as well: every load of the origin, and each by a lease or by going alone.
      expect(totals.loads).toBe(stack.events.filter((event) => event.type === 'load').length)
      expect(totals.leases_granted).toBeGreaterThan(0)
    },
    30_000,
    250,
  )
  expect([...counted.kinds.keys()].map((kind) => kind.slice(-3)).sort()).toEqual(expect.arrayContaining(['2xx', '3xx', '4xx']))
}, 240_000)

test('points name no user, and while nobody takes them every answer comes; those dropped are counted when somebody does', async () => {
  const before = await eventually(async () => {
    const { totals } = await analytics()
    expect(totals.requests).toBeGreaterThanOrEqual(ISOLATES * HEALTH_CHECKS)
    return totals
  })
  const between = await startSlowOrigin()
  between.aimAt(stack.originUrl())
  const bodies: string[] = []
  between.setRule((asked, body) => {
    if (asked === '/internal/points') bodies.push(body.toString())
    return {}
  })
  const bindings = {
    ...stack.bindings,
    ORIGIN_URL: between.url,
    ANALYTICS_SINK: 'origin',
    ANALYTICS_BATCH: '5',
    LOAD_DEADLINE_MS: '2000',
  }
  const worker = await startWorkerd({ bundle: inject('workerBundle'), bindings })
  const client = createCountingClient(worker.urls)
  const secrets = new Set(readers.flatMap(({ id, token }) => [id, token, `user-${id}`, `User ${id}`]))
  const reader = readers[0] ?? expect.fail('nobody')
  const ask = (target: string, more: Partial<Parameters<typeof client.ask>[0]> = {}) =>
    client.ask({ route: target, path: target, token: reader.token, ...more }, 0)
  const words = 'what I had for breakfast'
  const path = words.replaceAll(' ', '-')
  const write = () => ask(POSTS, { method: 'POST', body: JSON.stringify({ text: words }) })
  await write()
  const { body, headers } = await write()
  const version = String(headers['tideline-version'])
  const { id } = activitySchema.parse(JSON.parse(body))
  // A load has two seconds here, which may be too little.
  const page = await eventually(async () =>
    pageSchema.parse(JSON.parse((await ask(`${FEED}?limit=1`, { headers: { 'tideline-version': version } })).body)),
  )
  const cursor = page.next_cursor ?? expect.fail('the feed has one page')
  for (const secret of [id, words, path, version, cursor, String(headers['tideline-request-id'])]) secrets.add(secret)
  for (const post of page.posts) for (const secret of [post.id, post.author.id, post.activity_id]) secrets.add(secret)
  await ask(`${FEED}?limit=1&cursor=${cursor}`)
  await ask(`${POSTS}/${id}`)
  await ask(`/v1/users/${reader.id}/posts`)
  await ask(`/${reader.id}/${path}`)
  await ask(`${POSTS}/${path}`)
  const sent = await eventually(() => {
    const points = bodies.flatMap((one) => pointsRequestSchema.parse(JSON.parse(one)).points)
    expect(points.length).toBeGreaterThanOrEqual(client.counted.requests)
    return points
  })
  expect(sent.map(({ blobs }) => blobs[0])).toEqual(expect.arrayContaining([FEED, POST, OF_AUTHOR, POSTS, '/*']))
  const all = bodies.join('\n')
  expect([...secrets].filter((secret) => all.includes(secret))).toEqual([])

  const [known = expect.fail('no post')] = page.posts
  await eventually(async () => expect((await ask(`${POSTS}/${known.id}`)).headers['cache-status']).toContain('origin=0'))
  between.setRule((asked) => ({ hangs: asked === '/internal/points' }))
  const statuses = await Promise.all(Array.from({ length: 200 }, async () => (await ask(`${POSTS}/${known.id}`)).status))
  expect(new Set(statuses)).toEqual(new Set([200]))
  between.setRule(undefined)
  await eventually(async () => {
    await ask(`${POSTS}/${known.id}`) // its point tells of those before it
    await eventually(async () => {
      const { requests, dropped } = (await analytics()).totals
      expect(dropped - before.dropped).toBeGreaterThan(150)
      // Not one is lost without being counted; one whose batch arrived too late to be told so may count twice.
      expect(requests - before.requests + dropped - before.dropped).toBeGreaterThanOrEqual(client.counted.requests + HEALTH_CHECKS)
    }, 3_000)
  })
  client.close()
  await worker.stop()
  await between.close()
}, 120_000)
