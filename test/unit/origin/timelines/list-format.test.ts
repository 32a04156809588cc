import { expect, test } from 'vitest'
import { decodeList, encodeIds, encodeList } from '../../../../contract/l2/codec.ts'
import { keyOf } from '../../../../contract/l2/keys.ts'
import { inFormat } from '../../../../origin/timelines/list-format.ts'

const ID = '1500000000000000001'
const LIST = { completeSince: '0', candidates: [ID], entries: [{ activityId: ID, actorId: ID, audience: 'public' as const }] }
const LISTS = [keyOf.timeline(ID), keyOf.author(ID, 'followers'), keyOf.merged(ID), keyOf.popular()]
const OTHERS = [keyOf.post(ID, 'public'), keyOf.user(ID), keyOf.marks(ID), keyOf.counts(ID)]

const loaded = [
  ...LISTS.map((key) => ({ key, truth: 3, payload: encodeList(LIST) })),
  ...OTHERS.map((key) => ({ key, truth: 4, payload: 'c is no list here~' })),
  { key: keyOf.crowd(), truth: 5, payload: encodeIds([ID]) },
  { key: keyOf.timeline('1500000000000000002'), truth: 6, payload: null },
]

test('lists are answered so that older workers read them, where the origin is told to; nothing else is touched', () => {
  expect(inFormat(loaded, 'dense')).toEqual(loaded)
  const plain = inFormat(loaded, 'plain')
  for (const [i, { key, truth, payload }] of plain.entries()) {
    if (!LISTS.includes(key)) expect(plain[i]).toEqual(loaded[i])
    else {
      expect({ truth, version: payload?.[0] }).toEqual({ truth: 3, version: 'a' })
      expect(decodeList(payload ?? '', 800)).toEqual(LIST)
    }
  }
})
