import { expect, test } from 'vitest'
import type { Entry } from '../../contract/entry.ts'
import { encodeList } from '../../contract/l2/codec.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { createFeedWorld, idOf } from '../support/feed-world.ts'

const [ANNA, BEN] = [idOf(1), idOf(2)] as const
const idsOf = (entries: readonly Entry[]): string[] => entries.map(({ activityId }) => activityId)

test('what is popular goes on below what the caches hold of what a reader posted who follows nobody', async () => {
  const world = createFeedWorld()
  for (const id of [ANNA, BEN]) world.user(id)
  await world.viewer(BEN, { followsNobody: true })
  await world.timeline(BEN, [])
  await world.crowd()
  const popular = [900, 600, 400, 300, 200, 100].map((n) => world.post(n, ANNA))
  const [, , fourth, , fifth] = popular
  if (!fourth || !fifth) throw new Error('six posts')
  await world.change(keyOf.popular(), encodeList({ completeSince: '0', candidates: [], entries: popular }))
  const held = [800, 700].map((n) => world.post(n, BEN))
  const older = [world.post(350, BEN), world.repost(250, BEN, fifth)]
  await world.change(keyOf.author(BEN, 'public'), encodeList({ completeSince: idOf(500), candidates: [], entries: held }))
  await world.marks(BEN, { reposted: [fifth.activityId] })
  world.origin.older.push(...older)

  const page = await world.isolate().feed(BEN)
  const all = [...popular.filter((entry) => entry !== fifth), ...held, ...older]
  expect(page).toMatchObject({ ids: idsOf(all).sort().reverse(), degraded: [] })
})
