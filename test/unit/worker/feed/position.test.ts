import { expect, test } from 'vitest'
import type { Entry } from '../../../../contract/entry.ts'
import { createWalk } from '../../../../worker/feed/fold.ts'
import { sourceOf } from '../../../../worker/feed/merge.ts'
import { boundsOf, positionAfter } from '../../../../worker/feed/position.ts'

const id = (n: number): string => String(2_000_000_000_000_000_000n + BigInt(n))
const entry = (n: number): Entry => ({ activityId: id(n), actorId: id(9_000), audience: 'public' })

test('what came since and was not looked at is in the gap also where nothing of what was looked at shows', () => {
  const sources = [sourceOf({ completeSince: '0', entries: [9, 8, 7, 6, 5].map(entry) })]
  const top = { last: id(5), anchor: id(5), sum: 0 }
  const { gap } = positionAfter(sources, { kind: 'since', top }, { lines: [], continuesBelow: id(8), isShort: true })
  if (!gap) throw new Error('there is a gap')
  const walk = createWalk(sources, { ...boundsOf({ kind: 'gap', gap }), fold: true, hidden: () => false })
  expect([walk.next(), walk.next(), walk.next()].map((line) => line?.entry.activityId)).toEqual([id(7), id(6), undefined])
})
