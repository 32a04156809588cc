import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SIGNATURE_HEADER } from '../../contract/headers.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { LOOK_PATH } from '../../contract/look.ts'
import { signRequest } from '../../contract/signature.ts'
import { importKey } from '../../contract/signed.ts'
import { eventually } from '../support/eventually.ts'
import { monitorOf, saboteurOf } from '../support/monitored.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type Client, type Stack, startStack } from '../support/stack.ts'

/** All times of the monitor are a tenth here, and memory's max age with them. */
const SCALE = 10

let stack: Stack
let author: Client
let reader: Client
let monitor: Awaited<ReturnType<typeof monitorOf>>
let saboteur: ReturnType<typeof saboteurOf>

beforeAll(async () => {
  // Posts are fanned out by the saboteur, who is honest unless told otherwise.
  stack = await startStack({ worker: { MEMORY_MAX_AGE_MS: '100' }, origin: { FANOUT_WORKERS: '0' } })
  const [first = '', second = ''] = await makeUsers(stack.db, 2)
  ;[author, reader] = [await stack.client(first), await stack.client(second)]
  await makeFollows(stack.db, [[second, first]])
  monitor = await monitorOf(stack, SCALE)
  saboteur = saboteurOf(stack)
}, 180_000)
afterAll(() => stack?.stop())

const json = { 'content-type': 'application/json' }
async function post(text: string): Promise<string> {
  const response = await author.fetch('/v1/posts', { method: 'POST', headers: json, body: JSON.stringify({ text }) })
  expect(response.status).toBe(201)
  await saboteur.fanOut()
  return ((await response.json()) as { id: string }).id
}
/** Reads the feed, as well as the author's page. */
async function read(): Promise<unknown> {
  const [feed] = await Promise.all([reader.fetch('/v1/feed/following'), reader.fetch(`/v1/users/${author.id}/posts`)])
  return feed?.json()
}
const wrong = () => monitor.events.flatMap((event) => (event.type === 'consistency-wrong' ? [`${event.place} ${event.key}`] : []))
/** Readers read on, as they do, and turns are taken until something holds. */
const found = (check: () => void) =>
  eventually(async () => {
    await read()
    await monitor.turn()
    check()
  }, 60_000)
const checked = async (): Promise<Record<string, number>> => {
  const rows = await stack.db.execute<{ name: string; count: number }>(sql`
    select place || ' ' || kind as name, sum(checked)::int as count from consistency group by 1`)
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]))
}

test('posts, deletes, follows and mutes that all go well: all kinds of keys are looked at, in L2 and at the edge, and nothing is wrong', async () => {
  for (let i = 0; i < 4; i++) {
    const id = await post(`post ${i}`)
    await read()
    if (i % 2 === 0) await author.fetch(`/v1/posts/${id}`, { method: 'DELETE' })
  }
  await reader.fetch(`/v1/users/${author.id}/follow`, { method: 'DELETE' })
  await reader.fetch(`/v1/users/${author.id}/follow`, { method: 'POST' })
  await eventually(async () => {
    await read()
    await monitor.turn()
    const names = ['L2 tl', 'L2 vw', 'L2 po', 'L2 us', 'L2 au', 'L2 crowd', 'edge tl', 'edge po']
    expect(Object.keys(await checked())).toEqual(expect.arrayContaining(names))
  })
  expect(monitor.events).toEqual([])
})

test('an invalidation that Redis acknowledged and never did is found, in L2 and at the edge, with the key and the command that says more', async () => {
  const id = await post('soon gone')
  await eventually(async () => expect(JSON.stringify(await read())).toContain(id))
  saboteur.state.drops = true
  await saboteur.remove(id, author.id)
  saboteur.state.drops = false
  const key = keyOf.post(id, 'public')
  await found(() => expect(wrong()).toEqual(expect.arrayContaining([`L2 ${key}`, `edge ${key}`])))
  expect(monitor.events).toContainEqual(
    expect.objectContaining({ type: 'consistency-wrong', key, cached: 1, truth: 2, doctor: `npm run doctor -- --key ${key}` }),
  )
})

test('a push that Redis acknowledged and never did is found', async () => {
  await read()
  saboteur.state.drops = true
  await post('lost on the way')
  saboteur.state.drops = false
  const key = keyOf.timeline(reader.id)
  await found(() => expect(wrong()).toContain(`L2 ${key}`))
})

test('minutes are told to whoever signs with the EDGE_SECRET, and what an isolate holds', async () => {
  const key = await importKey(stack.secrets.EDGE_SECRET)
  const signed = async (url: string, method: string, target: string, text = '') => {
    const body = new TextEncoder().encode(text)
    const signature = await signRequest(key, { method, target, body }, {}, Date.now())
    return fetch(url + target, { method, headers: { ...json, [SIGNATURE_HEADER]: signature }, ...(text ? { body } : {}) })
  }
  const minutes = await signed(stack.originUrl(), 'GET', '/internal/consistency?minutes=5')
  expect(await minutes.json()).toMatchObject({ minutes: expect.arrayContaining([expect.objectContaining({ place: 'L2', kind: 'tl' })]) })
  expect((await signed(stack.originUrl(), 'GET', '/internal/consistency?minutes=0')).status).toBe(400)
  expect((await fetch(`${stack.originUrl()}/internal/consistency`)).status).toBe(401)

  await read()
  const keys = JSON.stringify({ keys: [keyOf.timeline(reader.id), keyOf.user('1999999999999999999'), 'garbage'] })
  const looked = await signed(stack.urls[0] ?? '', 'POST', LOOK_PATH, keys)
  expect(await looked.json()).toMatchObject({
    values: [
      { key: keyOf.timeline(reader.id), layer: expect.stringMatching(/memory|shared/), list: { entries: expect.anything() }, digest: null },
      { layer: 'none', digest: null, list: null },
    ],
  })
  for (const body of [keys, 'x'.repeat(20_000)]) {
    expect((await fetch((stack.urls[0] ?? '') + LOOK_PATH, { method: 'POST', headers: json, body })).status).toBe(404)
  }
  expect((await fetch((stack.urls[0] ?? '') + LOOK_PATH)).status).toBe(404)
})
