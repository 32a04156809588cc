import { expect, test } from 'vitest'
import type { Entry } from '../../contract/entry.ts'
import { encodeCounts } from '../../contract/l2/counts-value.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { sightOf } from '../../worker/feed/visibility.ts'
import { createFeedWorld, idOf } from '../support/feed-world.ts'

const [ANNA, BEN, CARA] = [idOf(1), idOf(2), idOf(3)] as const
const FANS = [11, 12, 13, 14, 15].map(idOf)

async function oneAuthor() {
  const world = createFeedWorld()
  for (const id of [ANNA, BEN, CARA, ...FANS]) world.user(id)
  for (const id of [BEN, CARA]) {
    await world.viewer(id)
    await world.lists(id, [])
  }
  await world.crowd()
  const posts = [world.post(100, ANNA), world.post(101, ANNA), world.post(102, ANNA)] as const
  await world.lists(ANNA, posts)
  const [first, second, third] = posts
  await world.timeline(BEN, [third, second, first])
  await world.timeline(CARA, [third, second, first])
  return { world, first, second, third }
}

test('nobody waits for counts: a line goes without them until they are there, and its tag changes with them', async () => {
  const { world, first } = await oneAuthor()
  world.counts(first, 12, 3)
  const isolate = world.isolate()
  await isolate.feed(BEN)
  await world.change(keyOf.counts(first.activityId), encodeCounts({ likes: 13, reposts: 3 })) // L2 has lost them
  await world.clock.advance(2_100)
  world.origin.loads.length = 0
  const without = await isolate.post(first, BEN)
  expect(without.posts[0]?.counts).toBeNull()
  await isolate.settled()
  expect(world.origin.loads).toEqual([[keyOf.counts(first.activityId)]])
  const counted = await isolate.post(first, BEN)
  expect(counted.posts[0]?.counts).toEqual({ likes: 13, reposts: 3 })
  expect(counted.lines[0]?.fingerprint).not.toEqual(without.lines[0]?.fingerprint)
})

test('what a reader did to posts is on this page alone, and changes its tag', async () => {
  const { world, first, second, third } = await oneAuthor()
  await world.marks(BEN, { liked: [second.activityId], reposted: [second.activityId, first.activityId] })
  const isolate = world.isolate()
  await isolate.feed(CARA)
  await isolate.settled()
  const bens = await isolate.feed(BEN)
  const caras = await isolate.feed(CARA)
  expect(bens.posts.map(({ mine }) => mine)).toEqual([undefined, { liked: true, reposted: true }, { reposted: true }])
  expect(caras.posts.map(({ mine }) => mine)).toEqual([undefined, undefined, undefined])
  const tags = (page: typeof bens) => page.lines.map(({ fingerprint }) => fingerprint)
  expect(tags(bens)[0]).toEqual(tags(caras)[0])
  expect(tags(bens)[1]).not.toEqual(tags(caras)[1])
  expect(bens.lines[1]?.json).toBe(caras.lines[1]?.json) // the shared bytes are the same bytes
  expect((await isolate.author(ANNA, undefined)).posts.some(({ mine }) => mine)).toBe(false)
  expect((await isolate.author(ANNA, BEN)).posts.map(({ mine }) => mine?.reposted)).toEqual([undefined, true, true])
  expect((await isolate.post(second, BEN)).posts[0]?.mine).toEqual({ liked: true, reposted: true })
  expect((await isolate.post(third, BEN)).posts[0]?.mine).toBeUndefined()
})

test('marks that are too old to be remembered are asked of the origin, once for a page and only where it needs them', async () => {
  const { world, first, second, third } = await oneAuthor()
  await world.marks(BEN, { completeSince: second.activityId, liked: [third.activityId] })
  world.origin.oldMarks.liked.push(first.activityId)
  const isolate = world.isolate()
  const page = await isolate.feed(BEN)
  expect(page.posts.map(({ mine }) => mine)).toEqual([{ liked: true }, undefined, { liked: true }])
  expect(page.degraded).toEqual([])
  expect(world.origin.marksAsked).toEqual([[second.activityId, first.activityId]])
  await isolate.post(third, BEN)
  expect(world.origin.marksAsked).toHaveLength(1)
})

test('where they cannot be had the page is served, and says that it does not know', async () => {
  const { world, first, second } = await oneAuthor()
  await world.marks(BEN, { completeSince: first.activityId, liked: [second.activityId] })
  const isolate = world.isolate()
  await isolate.feed(BEN)
  await isolate.settled()
  world.origin.down = true
  const page = await isolate.feed(BEN)
  expect(page.posts.map(({ mine }) => mine)).toEqual([undefined, { liked: true }, undefined])
  expect(page.degraded).toEqual(['mine-unknown'])
})

/** Reposts of one post by fans, the newest first. */
async function reposted(count: number) {
  const { world, first } = await oneAuthor()
  const reposts: Entry[] = FANS.slice(0, count).map((fan, i) => world.repost(200 + i, fan, first))
  await world.timeline(BEN, [...reposts, first])
  return { world, first, newestFirst: reposts.toReversed() }
}

test('a post that several reposted comes once, with how many they are and the latest three', async () => {
  const { world, newestFirst } = await reposted(5)
  const page = await world.isolate().feed(BEN)
  expect(page.ids).toEqual([newestFirst[0]?.activityId])
  expect(page.posts[0]?.reposted_by?.id).toBe(newestFirst[0]?.actorId)
  expect(page.posts[0]?.reposters).toEqual({
    count: 5,
    first: newestFirst.slice(0, 3).map(({ actorId }) => ({ id: actorId, handle: `user-${actorId}`, name: `User ${actorId}` })),
  })
})

test('a post that hundreds reposted costs in proportion to them: each repost is judged a few times, however many are older', async () => {
  const { world, first } = await oneAuthor()
  const crowd = Array.from({ length: 200 }, (_, i) => idOf(1_000 + i))
  for (const id of crowd) world.user(id)
  await world.timeline(BEN, [...crowd.map((fan, i) => world.repost(2_000 + i, fan, first)), first])
  let judged = 0
  const isolate = world.isolate({
    decide(regard) {
      judged++
      return sightOf(regard)
    },
  })
  const page = await isolate.feed(BEN)
  expect(page.posts.map(({ reposters }) => reposters?.count)).toEqual([20])
  expect(judged).toBeLessThan(10 * crowd.length)
})

test('a post that one reposted has reposted_by alone', async () => {
  const { world } = await reposted(1)
  const [post] = (await world.isolate().feed(BEN)).posts
  expect(post?.reposted_by).toBeDefined()
  expect(post?.reposters).toBeUndefined()
})

test('a repost that was taken back, or is by somebody whom the reader may not see, is not counted', async () => {
  const { world, newestFirst } = await reposted(5)
  const isolate = world.isolate()
  const [, second, third, fourth] = newestFirst
  if (!second || !third || !fourth) throw new Error('five reposts')
  await world.deletePost(second)
  await world.account(third.actorId, 'suspended')
  await world.account(fourth.actorId, 'private')
  const [post] = (await isolate.feed(BEN)).posts
  expect(post?.reposters).toMatchObject({ count: 2, first: [{ id: newestFirst[0]?.actorId }, { id: newestFirst[4]?.actorId }] })
  await world.relation(BEN, fourth.actorId, 'follower')
  await world.clock.advance(2_100)
  expect((await isolate.feed(BEN)).posts[0]?.reposters?.count).toBe(3)
})
