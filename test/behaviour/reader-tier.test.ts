import { expect, test } from 'vitest'
import type { Entry } from '../../contract/entry.ts'
import { createFeedWorld, idOf } from '../support/feed-world.ts'

const ANNA = idOf(1)
const CROWDED = [2, 3, 4].map(idOf)
const idsOf = (entries: readonly Entry[]): string[] => entries.map(({ activityId }) => activityId)

/** Anna follows three crowded authors; two of them are one more than is pulled list by list. */
async function world() {
  const world = createFeedWorld()
  for (const id of [ANNA, ...CROWDED]) world.user(id)
  await world.viewer(ANNA)
  await world.timeline(ANNA, [], CROWDED)
  await world.crowd(CROWDED)
  await world.lists(ANNA, [])
  const posts = CROWDED.map((id, i) => world.post(900 - i, id))
  for (const [i, id] of CROWDED.entries()) await world.lists(id, posts.slice(i, i + 1))
  world.merged(ANNA, posts)
  return { ...world, posts, anna: world.isolate({ maxPulled: 2 }) }
}
const asked = (loads: readonly (readonly string[])[], kind: string): number => loads.flat().filter((key) => key.startsWith(kind)).length

test('who follows very many crowded authors reads one merge of theirs, and not list by list', async () => {
  const { posts, anna, origin } = await world()
  expect(await anna.feed(ANNA)).toMatchObject({ ids: idsOf(posts), degraded: [] })
  expect(asked(origin.loads, 'mg:')).toBe(1)
  expect(asked(origin.loads, 'au:')).toBe(1) // her own
})

test('who follows fewer pulls their lists', async () => {
  const { posts, isolate, origin } = await world()
  expect(await isolate({ maxPulled: 3 }).feed(ANNA)).toMatchObject({ ids: idsOf(posts), degraded: [] })
  expect(asked(origin.loads, 'mg:')).toBe(0)
})

test('a merge is not used for longer than a post may take to be seen', async () => {
  const { posts, anna, clock, post, merged } = await world()
  await anna.feed(ANNA)
  const newer = post(950, CROWDED[0] ?? '')
  merged(ANNA, [newer, ...posts])
  await clock.advance(5_000)
  expect(await anna.feed(ANNA)).toMatchObject({ ids: idsOf([newer, ...posts]) })
})

test('a merge of before the last follow is loaded again', async () => {
  const { posts, anna, isolate, viewer, timeline, post, merged } = await world()
  await anna.feed(ANNA)
  const newer = post(950, CROWDED[0] ?? '')
  merged(ANNA, [newer, ...posts])
  expect(await isolate({ maxPulled: 2 }).feed(ANNA)).toMatchObject({ ids: idsOf(posts) })
  await timeline(ANNA, [], CROWDED)
  await viewer(ANNA, { followVersion: 2 })
  expect(await isolate({ maxPulled: 2 }).feed(ANNA)).toMatchObject({ ids: idsOf([newer, ...posts]) })
})

test('while no merge can be had, the lists are read instead, and nothing lacks', async () => {
  const { posts, anna, clock, origin } = await world()
  for (const id of CROWDED) await anna.author(id, undefined)
  await anna.feed(ANNA)
  origin.down = true
  await clock.advance(10_000)
  expect(await anna.feed(ANNA)).toMatchObject({ ids: idsOf(posts) })
})
