import { expect, test } from 'vitest'
import type { Entry } from '../../contract/entry.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { Problem, renderProblem, toProblem } from '../../contract/problem.ts'
import { sightOf } from '../../worker/feed/visibility.ts'
import { createFeedWorld, type FeedWorld, idOf } from '../support/feed-world.ts'

const [ANNA, BEN, CARA, DORA] = [idOf(1), idOf(2), idOf(3), idOf(4)] as const
/** Beyond memory's max age; beyond the soft and the hard end of a proof (milliseconds). */
const LATER_MS = 2_100
const STALE_MS = 35_000
const EXPIRED_MS = 61_000

/** Anna writes for all and for followers. Ben follows her, Cara does not, though a late push brought Cara the same lines. */
async function followersOnly() {
  const world = createFeedWorld()
  for (const id of [ANNA, BEN, CARA, DORA]) world.user(id)
  for (const id of [ANNA, BEN, CARA, DORA]) await world.viewer(id)
  const open = world.post(100, ANNA)
  const closed = world.post(101, ANNA, 'followers')
  await world.lists(ANNA, [open, closed])
  for (const id of [BEN, CARA, DORA]) await world.lists(id, [])
  for (const id of [ANNA, BEN, CARA]) await world.timeline(id, [closed, open])
  await world.crowd()
  await world.relation(BEN, ANNA, 'follower')
  await world.relation(CARA, ANNA, 'stranger')
  return { world, open, closed }
}
const idsOf = (...entries: readonly Entry[]): string[] => entries.map(({ activityId }) => activityId)
const slugOf = async (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => (error instanceof Problem ? error.slug : String(error)),
  )

test('what is for followers is shown to followers and its author, in the feed, on the page, by itself', async () => {
  const { world, open, closed } = await followersOnly()
  const isolate = world.isolate()
  for (const id of [BEN, ANNA]) {
    expect((await isolate.feed(id)).ids).toEqual(idsOf(closed, open))
    expect((await isolate.author(ANNA, id)).ids).toEqual(idsOf(closed, open))
    expect((await isolate.post(closed, id)).ids).toEqual(idsOf(closed))
  }
  expect((await isolate.feed(BEN)).posts.map(({ audience }) => audience)).toEqual(['followers', 'public'])
})

test('others are shown what is public, even where their timeline names more', async () => {
  const { world, open, closed } = await followersOnly()
  const isolate = world.isolate()
  await isolate.feed(BEN) // has written down what Cara must not see
  expect(await isolate.feed(CARA)).toMatchObject({ ids: idsOf(open), degraded: [] })
  for (const id of [CARA, undefined]) {
    expect((await isolate.author(ANNA, id)).ids).toEqual(idsOf(open))
    expect(await slugOf(isolate.post(closed, id))).toBe('not-found')
  }
})

test('without the check of rel: a body for followers leaks: the check is what it is for', async () => {
  const { world, open, closed } = await followersOnly()
  const isolate = world.isolate({ decide: (regard) => sightOf({ ...regard, relation: { as: 'follower', muted: false } }) })
  expect((await isolate.feed(CARA)).ids).toEqual(idsOf(closed, open))
})

test('an outdated hint costs a turn and nothing else', async () => {
  const { world, open } = await followersOnly()
  const isolate = world.isolate()
  await world.timeline(CARA, [{ ...open, audience: 'followers' }]) // written while the account was private
  await world.timeline(BEN, [{ ...open, audience: 'followers' }])
  expect((await isolate.feed(CARA)).ids).toEqual(idsOf(open))
  expect((await isolate.feed(BEN)).ids).toEqual(idsOf(open))
})

test('an account that goes private is hidden from all but followers, though its bodies still lie under the public keys', async () => {
  const { world, open, closed } = await followersOnly()
  const isolate = world.isolate()
  for (const id of [BEN, CARA]) expect((await isolate.feed(id)).ids).toContain(open.activityId)
  await isolate.post(open, undefined)
  await world.account(ANNA, 'private')
  await world.clock.advance(LATER_MS)
  expect((await isolate.feed(BEN)).ids).toEqual(idsOf(closed, open))
  expect((await isolate.author(ANNA, BEN)).ids).toEqual(idsOf(closed, open))
  expect((await isolate.post(open, ANNA)).ids).toEqual(idsOf(open))
  expect(await isolate.feed(CARA)).toMatchObject({ ids: [], degraded: [] })
  for (const id of [CARA, undefined]) {
    expect(await slugOf(isolate.author(ANNA, id))).toBe('private-account')
    expect(await slugOf(isolate.post(open, id))).toBe('not-found')
  }
})

test('a public repost of what became private shows only to followers of its author', async () => {
  const { world, open } = await followersOnly()
  const repost = world.repost(200, DORA, open)
  for (const id of [BEN, CARA]) await world.timeline(id, [repost])
  await world.lists(DORA, [repost])
  const isolate = world.isolate()
  expect((await isolate.feed(CARA)).ids).toEqual(idsOf(repost))
  await world.account(ANNA, 'private')
  await world.clock.advance(LATER_MS)
  expect((await isolate.feed(BEN)).ids).toEqual(idsOf(repost))
  expect((await isolate.feed(CARA)).ids).toEqual([])
  expect((await isolate.author(DORA, CARA)).ids).toEqual([])
  expect((await isolate.author(DORA, undefined)).ids).toEqual([])
  expect(await slugOf(isolate.post(repost, CARA))).toBe('not-found')
})

test('a suspended account shows nothing to anybody, its owner included, and hides no other line', async () => {
  const { world, open } = await followersOnly()
  const mine = world.post(99, BEN)
  const repost = world.repost(200, ANNA, mine)
  await world.timeline(CARA, [repost, open, mine])
  const isolate = world.isolate()
  expect((await isolate.feed(CARA)).ids).toEqual(idsOf(repost, open))
  await world.account(ANNA, 'suspended')
  await world.clock.advance(LATER_MS)
  expect((await isolate.feed(CARA)).ids).toEqual(idsOf(mine)) // no longer hidden by the newer repost
  for (const id of [ANNA, BEN, undefined]) {
    expect(await slugOf(isolate.author(ANNA, id))).toBe('not-found')
    expect(await slugOf(isolate.post(open, id))).toBe('not-found')
  }
})

test('a block hides both from each other everywhere, a mute one from the feed alone', async () => {
  const { world, open } = await followersOnly()
  const repost = world.repost(200, DORA, open)
  for (const id of [BEN, CARA]) await world.timeline(id, [repost, open])
  await world.lists(DORA, [repost])
  const isolate = world.isolate()
  await world.viewer(BEN, { muted: [ANNA] })
  await world.viewer(CARA, { blocked: [ANNA] })
  for (const id of [BEN, CARA]) expect((await isolate.feed(id)).ids).toEqual([])
  const page = await isolate.author(ANNA, BEN)
  expect(page.posts.map(({ mine }) => mine)).toContainEqual({ muted: true })
  expect((await isolate.author(DORA, BEN)).ids).toEqual(idsOf(repost))
  expect((await isolate.post(open, BEN)).ids).toEqual(idsOf(open))
  expect(await slugOf(isolate.author(ANNA, CARA))).toBe('blocked')
  expect((await isolate.author(DORA, CARA)).ids).toEqual([])
  expect(await slugOf(isolate.post(open, CARA))).toBe('not-found')
})

test('who hides more than the lists name is asked of each author', async () => {
  const { world, open, closed } = await followersOnly()
  const isolate = world.isolate()
  for (const id of [BEN, CARA]) await world.viewer(id, { many: true })
  expect((await isolate.feed(BEN)).ids).toEqual(idsOf(closed, open))
  expect((await isolate.feed(CARA)).ids).toEqual(idsOf(open))
  await world.relation(CARA, ANNA, 'blocked')
  await world.clock.advance(LATER_MS)
  expect((await isolate.feed(CARA)).ids).toEqual([])
  expect(await slugOf(isolate.author(ANNA, CARA))).toBe('blocked')
})

test('a follower who muted a private author still reads the page, not the feed; to one who hides many the relation tells them apart', async () => {
  const { world, open, closed } = await followersOnly()
  const isolate = world.isolate()
  await world.account(ANNA, 'private')
  await world.relation(BEN, ANNA, 'follower', true)
  for (const state of [{ muted: [ANNA] }, { many: true }]) {
    await world.viewer(BEN, state)
    await world.clock.advance(LATER_MS)
    expect((await isolate.feed(BEN)).ids).toEqual([])
    expect((await isolate.author(ANNA, BEN)).ids).toEqual(idsOf(closed, open))
    expect((await isolate.post(closed, BEN)).ids).toEqual(idsOf(closed))
  }
})

test('a follower who is removed sees nothing that is not public two seconds later, with a replica that lags', async () => {
  const { world, open, closed } = await followersOnly()
  const isolate = world.isolate()
  expect((await isolate.feed(BEN)).ids).toContain(closed.activityId)
  world.tier.replicaLagMs = 1_000
  await world.relation(BEN, ANNA, 'stranger')
  await world.clock.advance(3_100) // the lag, and memory's max age
  expect((await isolate.feed(BEN)).ids).toEqual(idsOf(open))
  expect((await isolate.author(ANNA, BEN)).ids).toEqual(idsOf(open))
  expect(await slugOf(isolate.post(closed, BEN))).toBe('not-found')
})

test('an absent relation is an answer: an account is gone, and nothing is in doubt', async () => {
  const { world, open } = await followersOnly()
  await world.noRelation(BEN, ANNA)
  const isolate = world.isolate()
  expect(await isolate.feed(BEN)).toMatchObject({ ids: idsOf(open), degraded: [] })
  await world.viewer(BEN, { many: true })
  expect(await world.isolate().feed(BEN)).toMatchObject({ ids: [], degraded: [] })
})

/** Ben has read: memory and L2 hold all he sees. Then something dies. */
async function warmed() {
  const there = await followersOnly()
  const isolate = there.world.isolate()
  await isolate.feed(BEN)
  await isolate.author(ANNA, BEN)
  await isolate.settled()
  return { ...there, isolate }
}
const die = (world: FeedWorld, what: { readonly l2: boolean; readonly origin: boolean }): void => {
  world.tier.down = what.l2
  world.origin.down = what.origin
}

test('with L2 dead the origin proves', async () => {
  const { world, open, closed, isolate } = await warmed()
  die(world, { l2: true, origin: false })
  await world.clock.advance(LATER_MS)
  expect((await isolate.feed(BEN)).ids).toEqual(idsOf(closed, open))
  await world.relation(BEN, ANNA, 'stranger').catch(() => {}) // L2 cannot be told
  await world.clock.advance(LATER_MS)
  expect((await isolate.feed(BEN)).ids).toEqual(idsOf(open))
})

test('with L2 dead, who comes a minute after an account went private does not see it, though memory still holds what it posted', async () => {
  const { world, open } = await followersOnly()
  const isolate = world.isolate()
  expect((await isolate.feed(CARA)).ids).toEqual(idsOf(open))
  await isolate.post(open, undefined)
  await isolate.settled()
  die(world, { l2: true, origin: false })
  await world.account(ANNA, 'private').catch(() => {}) // L2 cannot be told
  await world.clock.advance(EXPIRED_MS)
  expect((await isolate.feed(CARA)).ids).toEqual([])
  expect(await slugOf(isolate.post(open, undefined))).toBe('not-found')
})

test('with the origin dead L2 proves, for a minute; then it is withheld, and the page says so', async () => {
  const { world, open, closed, isolate } = await warmed()
  die(world, { l2: false, origin: true })
  await world.clock.advance(STALE_MS)
  expect((await isolate.feed(BEN)).ids).toEqual(idsOf(closed, open))
  await world.clock.advance(EXPIRED_MS - STALE_MS)
  const page = await isolate.feed(BEN)
  expect(page.ids).toEqual(idsOf(open))
  expect(page.degraded).toContain('unproven')
})

test('with both dead nothing that is not public is shown after two seconds; what is public goes on, marked', async () => {
  const { world, open, closed, isolate } = await warmed()
  die(world, { l2: true, origin: true })
  expect((await isolate.feed(BEN)).ids).toEqual(idsOf(closed, open)) // proven within memory's max age
  await world.clock.advance(LATER_MS)
  for (const page of [await isolate.feed(BEN), await isolate.author(ANNA, BEN)]) {
    expect(page.ids).toEqual(idsOf(open))
    expect(page.degraded).toContain('unproven')
  }
  expect(await slugOf(isolate.post(closed, BEN))).toBe('origin-unavailable')
})

test('a post that cannot be proven is refused in the words of one that is not there', async () => {
  const { world, open, closed } = await followersOnly()
  const isolate = world.isolate()
  await isolate.post(closed, BEN)
  await isolate.post(open, DORA) // of whom L2 knows all but the relation to Anna
  await isolate.settled()
  die(world, { l2: false, origin: true })
  const said = (id: string) =>
    isolate.post({ activityId: id }, DORA).catch((error: unknown) => renderProblem(toProblem(error), 'a request').text())
  const hidden = await said(closed.activityId)
  expect(hidden).toContain('origin-unavailable')
  expect(hidden).toBe(await said(idOf(999)))
})

test('a state of the viewer that cannot be read hides all: what it does not say is not taken for nothing', async () => {
  const { world } = await followersOnly()
  await world.change(keyOf.viewer(CARA), JSON.stringify({ followVersion: 0, left: [], many: 'yes' }))
  expect(await slugOf(world.isolate().feed(CARA))).toBe('origin-unavailable')
})

test('a private page that cannot be proven is refused for the time being, not for good', async () => {
  const { world, isolate } = await warmed()
  await world.account(ANNA, 'private')
  await world.clock.advance(LATER_MS)
  for (const id of [BEN, ANNA]) expect((await isolate.author(ANNA, id)).ids).toHaveLength(2)
  die(world, { l2: true, origin: true })
  await world.clock.advance(LATER_MS)
  expect(await slugOf(isolate.author(ANNA, BEN))).toBe('origin-unavailable')
  expect((await isolate.author(ANNA, ANNA)).ids).toHaveLength(2) // nobody has to prove that he is himself
})

test('a newer line that cannot be proven hides the older one: no root comes twice', async () => {
  const { world, open } = await followersOnly()
  const repost = world.repost(200, DORA, open, 'followers')
  await world.relation(BEN, DORA, 'follower')
  await world.timeline(BEN, [repost, open])
  const fresh = world.isolate()
  expect((await fresh.feed(BEN)).ids).toEqual(idsOf(repost))
  await fresh.settled()
  die(world, { l2: true, origin: true })
  await world.clock.advance(LATER_MS)
  const page = await fresh.feed(BEN)
  expect(page.ids).toEqual([])
  expect(page.degraded).toContain('unproven')
})

test("a list that names another one's post shows nothing: a proof is of the author who wrote it", async () => {
  const { world, open } = await followersOnly()
  const closed = world.post(300, DORA, 'followers')
  await world.timeline(BEN, [{ ...closed, actorId: ANNA }, open]) // Ben follows Anna, not Dora
  expect((await world.isolate().feed(BEN)).ids).toEqual(idsOf(open))
})
