import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pushCall } from '../../../../contract/l2/calls.ts'
import { keyOf } from '../../../../contract/l2/keys.ts'
import { pushBody } from '../../../../origin/adapters/push-body.ts'
import { idsIn } from '../../../../origin/db/chunks.ts'
import type { Delivery } from '../../../../origin/fanout/l2-port.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const anyId = fc.bigInt({ min: 10n ** 18n, max: 2n ** 63n - 1n }).map(String)
const anyEntry = fc.record(
  {
    activityId: anyId,
    actorId: anyId,
    audience: fc.constantFrom('public' as const, 'followers' as const),
    root: fc.record({ id: anyId, authorId: anyId }),
  },
  { requiredKeys: ['activityId', 'actorId', 'audience'] },
)
const anyPrefix = fc.constantFrom('', 'tideline:', 'a "quoted" \\ one:', 'ü🌊:')

test('the bytes of a push are the JSON of what pushCall says', () => {
  const call = fc.array(anyEntry, { minLength: 1, maxLength: 5 }).chain((entries) => {
    const entry = fc.nat(entries.length - 1)
    const delivery: fc.Arbitrary<Delivery> = fc.oneof(
      fc.record({ key: anyId.map((id) => keyOf.author(id, 'public')), entry }),
      fc.record({ viewers: fc.array(anyId, { maxLength: 9 }).map((ids) => ids.join('')), entry }),
    )
    return fc.record({ entries: fc.constant(entries), deliveries: fc.array(delivery, { maxLength: 6 }), prefix: anyPrefix })
  })
  fc.assert(
    fc.property(call, ({ entries, deliveries, prefix }) => {
      const pairs = deliveries.flatMap((one) =>
        'key' in one ? [one] : idsIn(one.viewers).map((viewerId) => ({ key: keyOf.timeline(viewerId), entry: one.entry })),
      )
      const { script, keys, args } = pushCall(prefix, entries, pairs, 'hb:7')
      const body = pushBody(['evalsha', script.sha], prefix, entries, deliveries, 'hb:7')
      expect(JSON.parse(body.toString())).toEqual(['evalsha', script.sha, keys.length, ...keys, ...args])
    }),
    { seed: SEED },
  )
})
