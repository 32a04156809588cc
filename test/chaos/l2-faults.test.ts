import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEGRADED_HEADER } from '../../contract/headers.ts'
import { writePast } from '../support/activity.ts'
import { eventually } from '../support/eventually.ts'
import { illnesses } from '../support/l2-faults.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type Answered, type Place, type Read, sendReads, startPlaces, waitedForL2 } from '../support/places.ts'
import { mulberry32 } from '../support/random.ts'
import { type Stack, startStack } from '../support/stack.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const MAX_LOADS = 3
/** More readers at once than loads. */
const AT_ONCE = 8
const MAX_AGE_MS = 500
/** How long a breaker lets nobody through (worker/wiring.ts). */
const OPEN_MS = 1_000
const BINDINGS = { MAX_LOADS: String(MAX_LOADS), MEMORY_MAX_AGE_MS: String(MAX_AGE_MS), L2_DEADLINE_MS: '1000', LOAD_DEADLINE_MS: '10000' }

/** What L2 does, whether its calls fail, and how that begins and ends. */
const cases = [
  ...Object.entries(illnesses(SEED)).map(([name, { rule, fails }]) => ({
    name,
    fails,
    async begin({ facade }: Place) {
      facade.setFault(rule)
      return () => facade.setFault(undefined)
    },
  })),
  { name: 'refuses connections', fails: true, begin: (place: Place) => place.refuseL2() },
]
const TWINS = [{ SWITCHED_OFF: 'breaker' }, { MAX_LOADS: '1000' }]

let stack: Stack
let stop: (() => Promise<void>) | undefined
let places: readonly Place[] = []
/** Feeds, authors' lists and posts that are read all the time. */
let familiar: Read[] = []
/** Posts nobody reads but the tests that take them. */
let posts: { readonly path: string; readonly author: string }[] = []

beforeAll(async () => {
  console.log(`SEED=${SEED}`)
  stack = await startStack({ processes: 0 })
  const [started] = await Promise.all([startPlaces(stack, BINDINGS, [...cases.map(() => ({})), ...TWINS]), populate()])
  places = started.places
  stop = started.stop
}, 60_000)
afterAll(async () => {
  await stop?.()
  await stack?.stop()
})

async function populate(): Promise<void> {
  const people = await makeUsers(stack.db, 6)
  const [readers, authors] = [people.slice(0, 2), people.slice(2)]
  await makeFollows(
    stack.db,
    readers.flatMap((reader) => authors.map((author) => [reader, author] as const)),
  )
  await writePast(stack.db, authors, { seed: SEED, posts: 300, reposts: 0, deleted: 0, spanMs: 86_400_000 })
  const rows = await stack.db.execute<{ path: string; author: string }>(
    sql`select '/v1/posts/' || id as path, author_id::text as author from posts order by id desc`,
  )
  posts = [...rows]
  const feeds = readers.map(async (id) => ({ path: '/v1/feed/following?limit=10', token: await stack.tokenFor({ sub: id }) }))
  const lists = authors.slice(0, 2).map((id) => ({ path: `/v1/users/${id}/posts?limit=10` }))
  familiar = [...(await Promise.all(feeds)), ...lists, ...posts.splice(0, 4)]
}
const takePosts = (count: number) => posts.splice(-count)
const takePost = () => takePosts(1)[0] ?? { path: '', author: '' }

/** So many of the familiar reads, mixed, the same ones for the same place. */
function mixed(count: number, place: Place): Read[] {
  const random = mulberry32(SEED + places.indexOf(place))
  return Array.from({ length: count }, () => familiar[Math.floor(random() * familiar.length)] ?? { path: '/' })
}
async function readAll(place: Place, reads: readonly Read[]): Promise<Answered[]> {
  const answers = await sendReads(place, reads, AT_ONCE)
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  return answers
}
const degraded = async (place: Place, read: Read) => (await readAll(place, [read]))[0]?.headers.get(DEGRADED_HEADER)
const statusOf = async (place: Place, path: string) => (await sendReads(place, [{ path }], 1))[0]?.status

/** Reads so much at once that the bulkhead is full; the origin answers only then. */
async function crowdTheOrigin(place: Place, loads: number): Promise<void> {
  const letGo = place.origin.hold()
  const crowd = readAll(place, takePosts(AT_ONCE))
  await eventually(() => expect(place.origin.mostLoads).toBeGreaterThanOrEqual(loads)).finally(letGo)
  await crowd
}

/** Sends reads; answers how many calls to L2 came meanwhile, and how many an open breaker lets through in that time. */
async function callsDuring(place: Place, reads: readonly Read[]) {
  place.facade.stats.reset()
  const startedAtMs = performance.now()
  const answers = await readAll(place, reads)
  const probes = 1 + Math.ceil((performance.now() - startedAtMs) / OPEN_MS)
  return { answers, calls: place.facade.stats.requests, probes }
}

describe.concurrent('no reader sees an error and the origin no more than its limit', () => {
  test.for(cases.map((one, i) => ({ ...one, i })))('when L2 $name', async ({ begin, fails, i }) => {
    const place = places[i]
    if (!place) throw new Error('no such place')
    const doomed = takePost()
    await readAll(place, [...familiar, doomed])

    const end = await begin(place)
    await crowdTheOrigin(place, fails ? MAX_LOADS : 0)
    await readAll(place, mixed(24, place))
    const author = await stack.tokenFor({ sub: doomed.author })
    const deletion = { method: 'DELETE', headers: { authorization: `Bearer ${author}` } }
    expect((await fetch(place.url + doomed.path, deletion)).status).toBe(204)
    await eventually(async () => expect(await statusOf(place, doomed.path)).toBe(410))
    if (fails) {
      await eventually(async () => {
        const { calls, probes } = await callsDuring(place, mixed(AT_ONCE, place))
        expect(calls).toBeLessThanOrEqual(probes)
      })
      const { answers, calls, probes } = await callsDuring(place, mixed(40, place))
      expect(calls, 'calls of an open breaker').toBeLessThanOrEqual(probes)
      expect(answers.filter(({ headers }) => !headers.get(DEGRADED_HEADER)?.includes('l2-unavailable'))).toEqual([])
    }

    await end()
    await eventually(async () => {
      for (const read of familiar) expect(await degraded(place, read)).toBeNull()
    })
    expect(await statusOf(place, doomed.path)).toBe(410)
    expect(place.origin.mostLoads).toBeLessThanOrEqual(MAX_LOADS)
  })

  test('without the breaker every reader goes on waiting for an L2 that hangs', async () => {
    const place = places.at(-2)
    if (!place) throw new Error('no such place')
    place.facade.setFault(() => ({ hang: true }))
    await readAll(place, takePosts(AT_ONCE))
    const { answers, calls } = await callsDuring(place, takePosts(AT_ONCE))
    expect(calls).toBeGreaterThanOrEqual(AT_ONCE)
    expect(answers.filter((answer) => waitedForL2(answer) === 0)).toEqual([])
  })

  test('without the bulkhead every one of its readers is a load at the origin', async () => {
    const place = places.at(-1)
    if (!place) throw new Error('no such place')
    place.facade.setFault(() => ({ reset: true }))
    await crowdTheOrigin(place, AT_ONCE)
  })
})
