import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { runScript } from '../../contract/l2/calls.ts'
import { leaseKeyOf } from '../../contract/l2/keys.ts'
import { SCRIPTS } from '../../contract/l2/scripts.ts'
import { eventually } from '../support/eventually.ts'
import { type L2, PREFIX, scriptsWithout, startL2, tombstone } from '../support/l2.ts'
import { type Twin, testPromises } from '../support/promises.ts'

const TIMELINE = 'tl:1100000000000000009'
const BODY = 'po:1500000000000000001:public'

let l2: L2
beforeAll(async () => {
  l2 = await startL2()
})
afterAll(() => l2?.stop())
beforeEach(() => l2.redis.flush())

/** When the lease of a key ends by itself; never where it does not. A lease that has ended ends in no time. */
async function endsInMs(key: string): Promise<number> {
  const lifeMs = await l2.client.pttl(PREFIX + leaseKeyOf(key))
  return lifeMs === -1 ? Number.POSITIVE_INFINITY : lifeMs
}

const NOT_VOIDED: Twin = {
  without: 'voiding the lease',
  rules: [['invalidate', `  redis.call('DEL', lease)\nend`, 'end']],
  shows: /came back/,
}
const ANY_TRUTH: Twin['rules'][number] = ['fill', `and string.sub(frame, 46, 61) <= string.sub(value, 46, 61)`, '']

testPromises(
  () => l2,
  [
    {
      promise: 'a delete during a load refuses the fill, and nothing old is stored',
      async story(say) {
        await say.lease(BODY, 1)
        await say.fillText(BODY, 1, { truth: 1, payload: 'old' })
        await say.lease(BODY, 2) // its load reads truth 1
        await say.invalidate(BODY, 2)
        expect(await say.fillText(BODY, 2, { truth: 1, payload: 'old' }), 'what was deleted came back').toBeUndefined()
        expect(await l2.read(BODY), 'what was deleted came back').toBeUndefined()
      },
      twins: [NOT_VOIDED],
    },
    {
      promise: 'a delete with a tombstone during a load leaves the tombstone, whether or not anything was cached',
      async story(say) {
        for (const cached of [true, false]) {
          await l2.expire(BODY)
          await say.lease(BODY, 1)
          if (cached) await say.fillText(BODY, 1, { truth: 1, payload: 'old' })
          await l2.expire(leaseKeyOf(BODY))
          await say.lease(BODY, 2)
          await say.invalidate(BODY, 2, tombstone(2))
          await say.fillText(BODY, 2, { truth: 1, payload: 'old' })
          expect((await l2.read(BODY))?.payload, 'what was deleted came back').toBe('x')
        }
      },
      // Either rule alone protects a tombstone: the voided lease, and the newer truth that is stored.
      twins: [{ ...NOT_VOIDED, without: 'voiding the lease and comparing truth', rules: [...NOT_VOIDED.rules, ANY_TRUTH] }],
    },
    {
      promise: 'an invalidation that comes late leaves a newer value alone',
      async story(say) {
        await say.lease(BODY, 1)
        await say.fillText(BODY, 1, { truth: 3, payload: 'new' })
        await say.invalidate(BODY, 2, tombstone(2))
        expect((await l2.read(BODY))?.payload, 'an older truth came back').toBe('new')
      },
      twins: [
        {
          without: 'comparing truth',
          rules: [['invalidate', `if string.sub(frame, 46, 61) < truth then`, 'if true then']],
          shows: /came back/,
        },
      ],
    },
    {
      promise: 'a fill with an older truth than what is stored is refused, one with the same truth is not',
      async story(say) {
        await say.lease(BODY, 1)
        await say.fillText(BODY, 1, { truth: 5, payload: 'five' })
        await say.lease(BODY, 2)
        expect((await say.fillText(BODY, 2, { truth: 5, payload: 'still five' }))?.stamp).toBe(2)
        await say.lease(BODY, 3)
        await say.fillText(BODY, 3, { truth: 4, payload: 'four' }) // read from a replica of Postgres, say
        expect((await l2.read(BODY))?.payload, 'an older truth came back').toBe('still five')
      },
      twins: [{ without: 'comparing truth', rules: [ANY_TRUTH], shows: /came back/ }],
    },
    {
      promise: 'a lease is not granted twice, and is free again after its fill, its end, or an invalidation',
      async story(say) {
        expect((await say.lease(TIMELINE, 1)).state).toBe('granted')
        expect((await say.lease(TIMELINE, 2)).state, 'two loads were let go').toBe('refused')
        await say.fill(TIMELINE, 1, [1])
        expect((await say.lease(TIMELINE, 3)).state).toBe('granted')
        await l2.expire(leaseKeyOf(TIMELINE))
        expect((await say.lease(TIMELINE, 4)).state).toBe('granted')
        await say.invalidate(TIMELINE, 1)
        expect((await say.lease(TIMELINE, 5)).state).toBe('granted')
      },
      twins: [{ without: 'NX', rules: [['lease', `'PX', life, 'NX')`, `'PX', life)`]], shows: /two loads were let go/ }],
    },
    {
      promise: 'a lease ends by itself when its holder dies',
      async story(say) {
        await say.lease(TIMELINE, 1, {}, 40)
        expect(await endsInMs(TIMELINE), 'nobody may ever load again').toBeLessThanOrEqual(40)
        await eventually(async () => expect((await say.lease(TIMELINE, 2)).state).toBe('granted'))
      },
      twins: [{ without: 'a life', rules: [['lease', `, 'PX', life, 'NX')`, `, 'NX')`]], shows: /nobody may ever load again/ }],
    },
    {
      promise: 'a lease whose load failed is free again after a rest, and for one',
      async story(say) {
        await say.lease(TIMELINE, 1)
        await say.release(TIMELINE, 1, 40)
        expect(await endsInMs(TIMELINE), 'the failure is waited for').toBeLessThanOrEqual(40)
        await eventually(async () => expect((await say.lease(TIMELINE, 2)).state).toBe('granted'))
        expect((await say.lease(TIMELINE, 3)).state).toBe('refused')
        expect(await say.fill(TIMELINE, 1, [1])).toBeUndefined()
      },
      twins: [
        {
          without: 'an end',
          rules: [['release', `redis.call('PEXPIRE', lease, ARGV[2])`, '']],
          shows: /the failure is waited for/,
        },
      ],
    },
    {
      promise: 'nobody gives back the lease of another',
      async story(say) {
        await say.lease(TIMELINE, 1)
        await say.release(TIMELINE, 2, 0)
        await say.push(TIMELINE, 2)
        await say.fill(TIMELINE, 1, [1])
        expect(await l2.posts(TIMELINE), 'the work of the holder was for nothing').toEqual([1, 2])
      },
      twins: [
        {
          without: 'comparing tokens',
          rules: [['release', `redis.call('GETRANGE', lease, 0, 21) == ARGV[1]`, 'true']],
          shows: /was for nothing/,
        },
      ],
    },
    {
      promise: 'a value with a later soft end and enough truth spares the load',
      async story(say) {
        const nowMs = Date.now()
        await say.lease(BODY, 1)
        await say.fillText(BODY, 1, { truth: 3, softExpiresAtMs: nowMs + 60_000, payload: 'three' })
        const stale = { beatsSoftEndMs: nowMs, seenSoftEndMs: nowMs - 1, seenStamp: 9 }
        const spared = await say.lease(BODY, 2, { ...stale, leastTruth: 3 })
        expect(spared.state).toBe('fresher')
        expect(spared.value?.payload).toBe('three')
        expect((await say.lease(BODY, 3, { ...stale, beatsSoftEndMs: nowMs + 60_000 })).state).toBe('granted')
        await l2.expire(leaseKeyOf(BODY))
        const own = await say.lease(BODY, 4, { ...stale, leastTruth: 4 })
        expect(own.state, 'a reader does not see their own write').toBe('granted')
      },
      twins: [
        {
          without: 'comparing truth',
          rules: [['lease', `string.sub(frame, 46, 61) >= ARGV[a + 1]`, 'true']],
          shows: /their own write/,
        },
      ],
    },
  ],
)

test('a Redis that forgot the scripts is sent them once', async () => {
  const say = l2.speak()
  await say.lease(TIMELINE, 1)
  await l2.client.scriptFlush()
  await expect(l2.client.evalsha(SCRIPTS.push.sha, [], [])).rejects.toThrow(/NOSCRIPT/)
  await say.push(TIMELINE, 2)
  await l2.client.scriptFlush()
  await say.fill(TIMELINE, 1, [1])
  await l2.client.scriptFlush()
  await say.invalidate(TIMELINE, 1)
  expect(await l2.posts(TIMELINE)).toEqual([1, 2])

  for (const script of Object.values(SCRIPTS)) await runScript(l2.client, { script, keys: [], args: ['0', '0'] }).catch(() => {})
  l2.facade.stats.reset()
  await say.lease(TIMELINE, 2)
  await say.push(TIMELINE, 3)
  await say.fill(TIMELINE, 2, [1, 2])
  await say.release(TIMELINE, 2, 1)
  await say.invalidate(TIMELINE, 1)
  expect(l2.facade.stats.byCommand).toEqual({ EVALSHA: 5 })
})

test('every script touches only keys it declares: one that does not is refused, as Upstash refuses it', async () => {
  const elsewhere = (script: 'lease' | 'fill' | 'push' | 'invalidate') =>
    l2.speak(
      scriptsWithout([[script, 'local key, lease = KEYS[2 * i - 1], KEYS[2 * i]', `local key, lease = KEYS[2 * i - 1], 'ls:elsewhere'`]]),
    )
  await expect(elsewhere('lease').lease(TIMELINE, 1)).rejects.toThrow(/Dynamic keys/)
  await expect(elsewhere('fill').fill(TIMELINE, 1, [])).rejects.toThrow(/Dynamic keys/)
  const undeclared = l2.speak(scriptsWithout([['release', 'local lease = KEYS[i]', `local lease = 'ls:elsewhere'`]]))
  await expect(undeclared.release(TIMELINE, 1, 1)).rejects.toThrow(/Dynamic keys/)
  await expect(elsewhere('push').push(TIMELINE, 1)).rejects.toThrow(/Dynamic keys/)
  await expect(elsewhere('invalidate').invalidate(TIMELINE, 1)).rejects.toThrow(/Dynamic keys/)
})
