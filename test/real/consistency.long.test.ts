import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { monitorOf, saboteurOf } from '../support/monitored.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { mulberry32 } from '../support/random.ts'
import { type Client, type Stack, startStack } from '../support/stack.ts'

/**
 * The monitor on real Postgres, Redis and workerd, with the real promise of 5 s and a replica 300 ms behind. Lives of values are scaled down, so
 * that minutes hold the refreshes, leases and fills of hours.
 */
const MINUTES = Number(process.env.SOAK_MINUTES ?? 3)
const SEED = Number(process.env.SEED ?? 20_261_121)
const random = mulberry32(SEED)
const PEOPLE = 30
const LIFETIMES = {
  timeline: { softMs: 10_000, hardMs: 60_000 },
  author: { softMs: 3_000, hardMs: 30_000 },
  post: { softMs: 30_000, hardMs: 60_000 }, // longer than the promise: else a body that should be gone mends itself before it is looked at
  user: { softMs: 3_000, hardMs: 30_000 },
  viewer: { softMs: 3_000, hardMs: 30_000 },
}

let stack: Stack
let people: Client[] = []
let service = ''
beforeAll(async () => {
  stack = await startStack({
    isolates: 2,
    replicaLagMs: 300,
    origin: { CROWD_THRESHOLD: '15', CROWD_FLOOR: '8', TIMELINE_LIFE_MS: '65000', ANNOUNCE_MS: '15000' },
    worker: { LIFETIMES: JSON.stringify(LIFETIMES) },
  })
  const ids = await makeUsers(stack.db, PEOPLE)
  people = await Promise.all(ids.map(stack.client))
  service = await stack.tokenFor({ role: 'service' })
  await makeFollows(
    stack.db,
    // Everybody follows the first two; of the others each follows some.
    ids.flatMap((follower, i) =>
      ids.flatMap((followee, j) => (i !== j && (j < 2 || (i + j) % 4 === 0) ? [[follower, followee] as const] : [])),
    ),
  )
}, 60_000)
afterAll(() => stack?.stop())

const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T
const json = { 'content-type': 'application/json' }
const posts: { id: string; by: Client }[] = []

async function post(by: Client): Promise<string> {
  const response = await by.fetch('/v1/posts', { method: 'POST', headers: json, body: JSON.stringify({ text: `post ${posts.length}` }) })
  const { id } = (await response.json()) as { id: string }
  if (response.status === 201) posts.push({ id, by })
  return id
}

/** One thing that one of them does. */
async function act(): Promise<unknown> {
  const who = pick(people)
  const other = pick(people)
  const dice = random()
  if (dice < 0.3) return post(who)
  if (dice < 0.4 && posts.length > 0) return who.fetch(`/v1/posts/${pick(posts).id}/repost`, { method: 'POST' })
  if (dice < 0.5 && posts.length > 0) {
    const { id, by } = pick(posts)
    return by.fetch(`/v1/posts/${id}`, { method: 'DELETE' })
  }
  if (who === other) return undefined
  const method = random() < 0.5 ? 'POST' : 'DELETE'
  if (dice < 0.7) return who.fetch(`/v1/users/${other.id}/follow`, { method })
  if (dice < 0.85) return who.fetch(`/v1/users/${other.id}/mute`, { method })
  if (dice < 0.92) return who.fetch(`/v1/users/${other.id}/block`, { method })
  if (dice < 0.97) return put(who, 'privacy', { private: random() < 0.5 })
  return put(who, 'suspension', { suspended: random() < 0.3 }, service)
}
const put = (whom: Client, what: string, body: unknown, token = whom.token) =>
  fetch(`${stack.urls[0]}/v1/users/${whom.id}/${what}`, {
    method: 'PUT',
    headers: { ...json, authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })

test(
  `${MINUTES} minutes of churn, an outage of Redis and a restart from an old snapshot raise no alarm; then a dropped invalidation is found within a minute`,
  async () => {
    const monitor = await monitorOf(stack, 1, 60)
    const over = new AbortController()
    const repeat = async (pauseMs: number, task: () => Promise<unknown>): Promise<void> => {
      while (!over.signal.aborted) {
        await task().catch(() => {})
        await sleep(pauseMs)
      }
    }
    const loops = [
      repeat(150, act),
      repeat(40, () => pick(people).fetch('/v1/feed/following', { isolate: Math.floor(random() * 2) })),
      repeat(500, monitor.turn),
    ]
    const thirdMs = (MINUTES * 60_000) / 3
    await sleep(thirdMs)
    stack.facade.setFault(() => ({ status: 500, error: 'ERR Redis is unreachable' }))
    await sleep(10_000)
    stack.facade.setFault(undefined)
    await sleep(thirdMs)
    await stack.redis.save()
    await sleep(3_000)
    await stack.redis.restart()
    await sleep(thirdMs)
    const wrong = () => monitor.events.filter(({ type }) => type === 'consistency-wrong')
    expect(wrong(), `seed ${SEED}`).toEqual([])

    const saboteur = saboteurOf(stack)
    const author = pick(people)
    await put(author, 'suspension', { suspended: false }, service)
    const id = await post(author)
    await Promise.all(people.slice(0, 5).map((reader) => reader.fetch(`/v1/posts/${id}`)))
    saboteur.state.drops = true
    await saboteur.remove(id, author.id)
    await eventually(() => expect(wrong().map((event) => 'key' in event && event.key)).toContain(`po:${id}:public`), 60_000, 500)
    over.abort()
    await Promise.all(loops)
  },
  (MINUTES + 3) * 60_000,
)
