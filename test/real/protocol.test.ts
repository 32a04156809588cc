import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { leaseKeyOf } from '../../contract/l2/keys.ts'
import { MAX_RECORDED, MAX_TAIL } from '../../contract/l2/scripts.ts'
import { type L2, PREFIX, type Protocol, startL2 } from '../support/l2.ts'
import { type Twin, testPromises } from '../support/promises.ts'

const TIMELINE = 'tl:1100000000000000009'
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

let l2: L2
beforeAll(async () => {
  l2 = await startL2()
})
afterAll(() => l2?.stop())
beforeEach(() => l2.redis.flush())

const NOT_RECORDED: Twin = {
  without: 'recording in the lease',
  rules: [['push', `if count ~= '' and count ~= 'XX' then`, 'if false then']],
  shows: /a push was lost/,
}
const NOT_MARKED: Twin = {
  without: 'marking the value with its lease',
  rules: [['lease', `redis.call('SETRANGE', key, 72, '1')`, '']],
  shows: /a push was lost/,
}
const NOT_MERGED: Twin = {
  without: 'merging what was recorded',
  rules: [['fill', ` .. pushed, 'PX'`, `, 'PX'`]],
  shows: /a push was lost/,
}
const ANY_TOKEN: Twin['rules'][number] = [
  'fill',
  `if held and string.sub(held, 1, 22) == token then`,
  `held = held or token .. '00'\n  if true then`,
]

/** What is no value of ours; the second is one of a later version, which only whoever wrote it can read. */
const GARBAGE = [
  ['garbage', `<html>${'x'.repeat(100)}`],
  ['a value of a later version', `3${'9'.repeat(72)}+p`],
  ['half a frame', `2${'9'.repeat(50)}+`],
] as const
const frameUnchecked = (script: 'lease' | 'fill' | 'invalidate'): Twin['rules'][number] => [
  script,
  `if #frame ~= 74 or not string.find(frame, '^2%d+[+-]$') then frame = '' end`,
  '',
]

testPromises(
  () => l2,
  [
    {
      promise: 'a push during a fill of an absent value is in the filled value',
      async story(say) {
        expect((await say.lease(TIMELINE, 1)).state).toBe('granted')
        await say.push(TIMELINE, 2) // the load has read Postgres just before the rows of 2 committed
        const filled = await say.fill(TIMELINE, 1, [1])
        expect(await l2.posts(TIMELINE), 'a push was lost').toEqual([1, 2])
        expect(filled?.pushed.length).toBe(23) // the loader learns of it too
      },
      twins: [NOT_RECORDED, NOT_MERGED],
    },
    {
      promise: 'a push during a fill of a present value is in the old value and in the filled one',
      async story(say) {
        await say.lease(TIMELINE, 1)
        await say.fill(TIMELINE, 1, [1])
        expect((await say.lease(TIMELINE, 2)).state).toBe('granted')
        await say.push(TIMELINE, 2, 3)
        expect(await l2.posts(TIMELINE), 'a push was lost on its way to the present value').toEqual([1, 2, 3])
        await say.fill(TIMELINE, 2, [1, 2]) // the load saw the one and not the other
        expect(await l2.posts(TIMELINE), 'a push was lost or doubled').toEqual([1, 2, 3])
      },
      twins: [
        NOT_RECORDED,
        NOT_MARKED,
        NOT_MERGED,
        { without: 'appending', rules: [['push', `redis.call('APPEND', key, entry)`, '']], shows: /lost on its way to the present value/ },
      ],
    },
    ...GARBAGE.flatMap(([name, garbage]) => [
      {
        promise: `${name} in place of a value is an absence to a lease and a fill: it is replaced by the next load`,
        async story(say: Protocol) {
          await l2.client.set(PREFIX + TIMELINE, garbage)
          expect((await say.lease(TIMELINE, 1, { beatsSoftEndMs: 0 })).state, 'garbage was taken for fresher').toBe('granted')
          await say.fill(TIMELINE, 1, [1])
          expect(await l2.posts(TIMELINE), 'garbage refused the fill').toEqual([1])
        },
        twins: [
          { without: 'looking at its form', rules: [frameUnchecked('lease')], shows: /taken for fresher/ },
          { without: 'looking at its form', rules: [frameUnchecked('fill')], shows: /refused the fill/ },
        ],
      },
      {
        promise: `${name} in place of a value is dropped by an invalidation and by a push`,
        async story(say: Protocol) {
          await l2.client.set(PREFIX + TIMELINE, garbage)
          await say.invalidate(TIMELINE, 1)
          expect(await l2.client.exists(PREFIX + TIMELINE), 'garbage outlived an invalidation').toBe(0)
          await l2.client.set(PREFIX + TIMELINE, garbage)
          await say.push(TIMELINE, 1)
          expect(await l2.client.exists(PREFIX + TIMELINE), 'a push was appended to garbage').toBe(0)
        },
        twins: [{ without: 'looking at its form', rules: [frameUnchecked('invalidate')], shows: /outlived an invalidation/ }],
      },
    ]),
    {
      promise: 'a push to a remembered absence ends it',
      async story(say) {
        await say.lease(TIMELINE, 1)
        await say.fillText(TIMELINE, 1, { payload: null })
        await say.push(TIMELINE, 1)
        expect(await l2.read(TIMELINE), 'a push was hidden by an absence').toBeUndefined()
      },
      twins: [
        {
          without: 'looking at presence',
          rules: [['push', ` or byte(frame, 74) ~= 43`, '']],
          shows: /hidden by an absence/,
        },
      ],
    },
    {
      promise: 'an absence that was loaded before the first push is not stored over it',
      async story(say) {
        await say.lease(TIMELINE, 1)
        await say.push(TIMELINE, 1)
        await say.fillText(TIMELINE, 1, { payload: null })
        expect(await l2.read(TIMELINE), 'a push was hidden by an absence').toBeUndefined()
      },
      twins: [
        {
          without: 'looking at presence',
          rules: [['fill', `(count == '00' or string.sub(value, 74, 74) == '+') and `, '']],
          shows: /hidden by an absence/,
        },
      ],
    },
    {
      promise: 'a push stream that outruns a fill has this one fill refused, and the next one holds everything',
      async story(say) {
        await say.lease(TIMELINE, 1)
        await say.push(TIMELINE, ...upTo(MAX_RECORDED + 1)) // the load saw none of them
        await say.fill(TIMELINE, 1, [])
        const missed = await l2.posts(TIMELINE)
        expect(missed ?? upTo(MAX_RECORDED + 1), 'a push was lost').toEqual(upTo(MAX_RECORDED + 1))
        expect(missed).toBeUndefined()
        expect((await say.lease(TIMELINE, 2)).state).toBe('granted')
        await say.push(TIMELINE, 66)
        await say.fill(TIMELINE, 2, upTo(MAX_RECORDED + 1))
        expect(await l2.posts(TIMELINE)).toEqual(upTo(66))
      },
      twins: [
        {
          without: 'refusing what recorded too much',
          rules: [['push', `redis.call('SETRANGE', lease, '22', 'XX')`, '']],
          shows: /a push was lost/,
        },
      ],
    },
    {
      promise: 'as many pushes as a lease records do not starve a fill',
      async story(say) {
        await say.lease(TIMELINE, 1)
        await say.push(TIMELINE, ...upTo(MAX_RECORDED))
        await say.fill(TIMELINE, 1, [])
        expect(await l2.posts(TIMELINE), 'the fill was refused').toEqual(upTo(MAX_RECORDED))
        expect((await l2.read(TIMELINE))?.tailLength).toBe(MAX_RECORDED)
      },
      twins: [
        {
          without: 'room in the lease',
          rules: [['push', `>= ${MAX_RECORDED} then`, '>= 1 then']],
          shows: /the fill was refused/,
        },
      ],
    },
    {
      promise: 'a full tail makes the value stale at once, a fill compacts it, and it misses no push meanwhile',
      async story(say) {
        await say.lease(TIMELINE, 1)
        await say.fill(TIMELINE, 1, [])
        await say.push(TIMELINE, ...upTo(MAX_TAIL))
        expect((await l2.read(TIMELINE))?.softExpiresAtMs).toBeGreaterThan(Date.now())
        await say.push(TIMELINE, MAX_TAIL + 1)
        expect((await l2.read(TIMELINE))?.softExpiresAtMs, 'nobody will compact the value').toBe(0)
        expect(await l2.posts(TIMELINE)).toEqual(upTo(MAX_TAIL + 1))
        await say.lease(TIMELINE, 2)
        await say.push(TIMELINE, MAX_TAIL + 2)
        await say.fill(TIMELINE, 2, upTo(MAX_TAIL + 1))
        const filled = await l2.read(TIMELINE)
        expect(filled?.tailLength).toBe(1)
        expect(filled?.softExpiresAtMs).toBeGreaterThan(Date.now())
        expect(await l2.posts(TIMELINE)).toEqual(upTo(MAX_TAIL + 2))
      },
      twins: [
        {
          without: 'staleness',
          rules: [['push', `redis.call('SETRANGE', key, '1', '0000000000000')`, '']],
          shows: /nobody will compact/,
        },
      ],
    },
    {
      promise: 'a tail that is twice full drops the value: a miss, not a hole',
      async story(say) {
        await say.lease(TIMELINE, 1)
        await say.fill(TIMELINE, 1, [])
        await say.push(TIMELINE, ...upTo(2 * MAX_TAIL))
        expect(await l2.posts(TIMELINE)).toEqual(upTo(2 * MAX_TAIL))
        await say.push(TIMELINE, 2 * MAX_TAIL + 1)
        expect((await l2.posts(TIMELINE)) ?? upTo(2 * MAX_TAIL + 1), 'the value missed a push').toEqual(upTo(2 * MAX_TAIL + 1))
        expect(await l2.read(TIMELINE)).toBeUndefined()
      },
      twins: [
        {
          without: 'dropping it',
          rules: [['push', `redis.call('DEL', key)`, '']],
          shows: /missed a push/,
        },
      ],
    },
    {
      promise: 'a fill whose lease expired is refused: nobody recorded for it',
      async story(say) {
        await say.lease(TIMELINE, 1)
        await l2.expire(leaseKeyOf(TIMELINE))
        await say.push(TIMELINE, 2)
        await say.fill(TIMELINE, 1, [1])
        expect((await l2.posts(TIMELINE)) ?? [1, 2], 'a push was lost').toEqual([1, 2])
      },
      twins: [{ without: 'asking for the lease', rules: [ANY_TOKEN], shows: /a push was lost/ }],
    },
    {
      promise: 'a fill whose lease went to somebody else is refused, and the other one is not disturbed',
      async story(say) {
        await say.lease(TIMELINE, 1)
        await l2.expire(leaseKeyOf(TIMELINE))
        await say.push(TIMELINE, 2)
        expect((await say.lease(TIMELINE, 2)).state).toBe('granted')
        await say.fill(TIMELINE, 1, [1])
        expect((await l2.posts(TIMELINE)) ?? [1, 2], 'a push was lost').toEqual([1, 2])
        await say.push(TIMELINE, 3)
        await say.fill(TIMELINE, 2, [1, 2])
        expect(await l2.posts(TIMELINE)).toEqual([1, 2, 3])
      },
      twins: [{ without: 'comparing tokens', rules: [ANY_TOKEN], shows: /a push was lost/ }],
    },
    {
      promise: 'a value that was pushed to is fuller, not fresher: the load it needs is granted',
      async story(say) {
        const softExpiresAtMs = Date.now() - 1
        await say.lease(TIMELINE, 1)
        await say.fill(TIMELINE, 1, [1], { softExpiresAtMs })
        await say.push(TIMELINE, 2)
        const seen = { beatsSoftEndMs: softExpiresAtMs, seenSoftEndMs: softExpiresAtMs, seenStamp: 1 }
        const answer = await say.lease(TIMELINE, 2, seen)
        expect(answer.state, 'pushes keep a stale value from ever being loaded').toBe('granted')
        expect(answer.value?.stamp).toBe(2) // and the fuller value comes along
      },
      twins: [
        {
          without: 'telling them apart',
          rules: [['lease', `if fresher then`, 'if fresher or differs then']],
          shows: /from ever being loaded/,
        },
      ],
    },
  ],
)
