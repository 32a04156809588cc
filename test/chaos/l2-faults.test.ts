import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEGRADED_HEADER } from '../../contract/headers.ts'
import { writePast } from '../support/activity.ts'
import { eventually } from '../support/eventually.ts'
import { illnesses } from '../support/l2-faults.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type Answered, type Place, type Read, sendReads, startPlaces, waitsForL2 } from '../support/places.ts'
import { mulberry32 } from '../support/random.ts'
import { type Stack, startStack } from '../support/stack.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const MAX_LOADS = 3
/** More readers at once than loads. */
const AT_ONCE = 8
const MAX_AGE_MS = 500
/** Of a call to L2: machines that run tests are slow and shared. */
const DEADLINE_MS = 500
/** How long a breaker lets nobody through (worker/cache/core.ts). */
const OPEN_MS = 1_000
const BINDINGS = {
  MAX_LOADS: String(MAX_LOADS),
  MEMORY_MAX_AGE_MS: String(MAX_AGE_MS),
  L2_DEADLINE_MS: String(DEADLINE_MS),
  LOAD_DEADLINE_MS: '12000', // nor does a machine that stands still end a load that waits for others, or a reader's wait for a place
  WRITE_DEADLINE_MS: '30000',
}

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
/** Bindings of the places of the last three tests. In the first a call to L2 that hangs does so for longer than a test may take. */
const OTHERS = [{ L2_DEADLINE_MS: '120000' }, { SWITCHED_OFF: 'breaker' }, { MAX_LOADS: '1000' }]

/** A place with people of its own: what one illness leaves behind in L2 is not the others' trouble. */
interface Scene {
  readonly place: Place
  /** A feed, lists and posts that are read all the time. */
  readonly familiar: readonly Read[]
  /** Posts nobody has read. */
  readonly posts: Read[]
  readonly deletes: (post: Read) => Promise<Response>
}

let stack: Stack
let stop: (() => Promise<void>) | undefined
let scenes: readonly Scene[] = []

beforeAll(async () => {
  console.log(`SEED=${SEED}`)
  stack = await startStack({ processes: 0 })
  const started = await startPlaces(stack, BINDINGS, [...cases.map(() => ({})), ...OTHERS])
  stop = started.stop
  scenes = await Promise.all(started.places.map(populate))
})
afterAll(async () => {
  await stop?.()
  await stack?.stop()
})

async function populate(place: Place, i: number): Promise<Scene> {
  const [reader = '', ...authors] = await makeUsers(stack.db, 3)
  const [author = ''] = authors
  await makeFollows(
    stack.db,
    authors.map((author) => [reader, author]),
  )
  await writePast(stack.db, authors, { seed: SEED + i, posts: 60, reposts: 0, deleted: 0, spanMs: 86_400_000 })
  const rows = await stack.db.execute<{ path: string }>(
    sql`select '/v1/posts/' || id as path from posts where author_id = ${author} order by id desc`,
  )
  const posts = [...rows]
  const lists = authors.map((id) => ({ path: `/v1/users/${id}/posts?limit=10` }))
  const feed = { path: '/v1/feed/following?limit=10', token: await stack.tokenFor({ sub: reader }) }
  const authorization = `Bearer ${await stack.tokenFor({ sub: author })}`
  return {
    place,
    familiar: [feed, ...lists, ...posts.splice(0, 5)],
    posts,
    deletes: ({ path }) => fetch(place.url + path, { method: 'DELETE', headers: { authorization } }),
  }
}
function sceneAt(i: number): Scene {
  const scene = scenes.at(i)
  if (!scene) throw new Error('there is no such scene')
  return scene
}
function takePosts({ posts }: Scene, count: number): Read[] {
  if (posts.length < count) throw new Error('every post has been read')
  return posts.splice(-count)
}

/** So many of the familiar reads, mixed, the same ones in every run. */
function mixed({ familiar }: Scene, count: number): Read[] {
  const random = mulberry32(SEED)
  return Array.from({ length: count }, () => familiar[Math.floor(random() * familiar.length)] ?? { path: '/' })
}
async function readAll({ place }: Scene, reads: readonly Read[]): Promise<Answered[]> {
  const answers = await sendReads(place, reads, AT_ONCE)
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  return answers
}
const degraded = async (scene: Scene, read: Read) => (await readAll(scene, [read]))[0]?.headers.get(DEGRADED_HEADER)
const statusOf = async ({ place }: Scene, read: Read) => (await sendReads(place, [read], 1))[0]?.status

/** Lets so many loads come together at the origin, each of its own batch, and more readers than that; only then does the origin answer. */
async function crowdTheOrigin(scene: Scene, loads: number): Promise<void> {
  const { origin } = scene.place
  const letGo = origin.hold()
  const crowd: Promise<unknown>[] = []
  try {
    for (let load = 1; load <= loads; load++) {
      crowd.push(readAll(scene, takePosts(scene, 1)))
      await eventually(() => expect(origin.loads).toBeGreaterThanOrEqual(load))
    }
    crowd.push(readAll(scene, takePosts(scene, AT_ONCE)))
  } finally {
    letGo()
  }
  await Promise.all(crowd)
}

/** Not answered at once, without waiting for L2, and saying so. */
const notOfOpenBreaker = (answer: Answered): boolean =>
  waitsForL2(answer).length > 0 || !answer.headers.get(DEGRADED_HEADER)?.includes('l2-unavailable')

/** Reads until the breaker is open. */
const untilOpen = (scene: Scene) =>
  eventually(async () => expect((await readAll(scene, mixed(scene, AT_ONCE))).filter(notOfOpenBreaker)).toEqual([]))

describe.concurrent('no reader sees an error and the origin no more than its limit', { timeout: 240_000 }, () => {
  test.for(cases.map((one, i) => ({ ...one, i })))('when L2 $name', async ({ begin, fails, i }) => {
    const scene = sceneAt(i)
    const { familiar, place } = scene
    const [doomed = { path: '' }] = takePosts(scene, 1)
    await readAll(scene, [...familiar, doomed])

    const end = await begin(place)
    await crowdTheOrigin(scene, MAX_LOADS)
    await readAll(scene, mixed(scene, 24))
    expect((await scene.deletes(doomed)).status).toBe(204)
    await eventually(async () => expect(await statusOf(scene, doomed)).toBe(410))
    if (fails) {
      const { stats } = place.facade
      // A breaker that nobody asked for three seconds forgets: on a machine that stands still for as long it has to open again.
      await eventually(async () => {
        await untilOpen(scene)
        stats.reset()
        const startedAtMs = performance.now()
        expect((await readAll(scene, mixed(scene, 40))).filter(notOfOpenBreaker)).toEqual([])
        expect(stats.requests).toBeLessThanOrEqual(1 + Math.ceil((performance.now() - startedAtMs) / OPEN_MS))
      })
    }

    await end()
    for (const read of familiar) await eventually(async () => expect(await degraded(scene, read)).toBeNull())
    expect(await statusOf(scene, doomed)).toBe(410)
    expect(place.origin.mostLoads).toBeLessThanOrEqual(MAX_LOADS)
  })

  test('nobody waits for the one who finds out whether L2 is well again', async () => {
    const scene = sceneAt(-3)
    const { facade } = scene.place
    facade.setFault(() => ({ reset: true }))
    await untilOpen(scene)
    facade.setFault(() => ({ hang: true }))
    facade.stats.reset()
    await eventually(async () => {
      await readAll(scene, scene.familiar)
      expect(facade.stats.requests).toBeGreaterThan(0)
    })
    const answers = await readAll(scene, [...scene.familiar, ...takePosts(scene, AT_ONCE)])
    expect(answers.flatMap(waitsForL2)).toEqual([])
  })

  test('without the breaker every reader goes on waiting for an L2 that hangs', async () => {
    const scene = sceneAt(-2)
    scene.place.facade.setFault(() => ({ hang: true }))
    await readAll(scene, takePosts(scene, AT_ONCE))
    const answers = await readAll(scene, takePosts(scene, AT_ONCE))
    expect(answers.filter((answer) => Math.max(0, ...waitsForL2(answer)) < DEADLINE_MS / 2)).toEqual([])
  })

  test('without the bulkhead every one of its readers is a load at the origin', async () => {
    const scene = sceneAt(-1)
    scene.place.facade.setFault(() => ({ reset: true }))
    await crowdTheOrigin(scene, 2 * MAX_LOADS)
  })
})
