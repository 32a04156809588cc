import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { leaseKeyOf } from '../../contract/l2/keys.ts'
import { type L2, type Scripts, scriptsWithout, startL2 } from '../support/l2.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)

/** What can happen next. Loads are numbered by who holds the lease; keys are few, so that they meet. */
type Step =
  | { readonly do: 'commit'; readonly key: number; readonly posts: number } // rows of posts, none pushed yet
  | { readonly do: 'push'; readonly key: number } // all that is committed, in order, then acknowledged
  | { readonly do: 'lease' | 'query' | 'fill'; readonly key: number; readonly loader: number }
  | { readonly do: 'delete'; readonly key: number } // commits; until its invalidation it is not acknowledged
  | { readonly do: 'invalidate' | 'expire' | 'evict'; readonly key: number }

const KEYS = 2
const LOADERS = 3
const key = fc.nat(KEYS - 1)
const loader = fc.nat(LOADERS - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const), key, posts: fc.constantFrom(1, 1, 1, 40) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('push' as const), key }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('lease' as const, 'query' as const, 'fill' as const), key, loader }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'invalidate' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('expire' as const, 'evict' as const), key }) },
)

/** The truth of one list, as Postgres has it and as it was acknowledged. */
interface Model {
  truth: number
  acknowledgedTruth: number
  rows: number[]
  delivered: number
}

let l2: L2
let run = 0
let next = 0
beforeAll(async () => {
  l2 = await startL2()
})
afterAll(() => l2?.stop())

/**
 * Plays steps on fresh keys and looks after each one: a list that is cached holds everything that was delivered (acknowledged by a push
 * that came after its commit), and its truth is not older than what was acknowledged.
 */
async function play(steps: readonly Step[], scripts?: Scripts): Promise<void> {
  const say = l2.speak(scripts)
  const nameOf = (key: number) => `tl:${1_100_000_000_000_000_000n + BigInt(run * KEYS + key)}`
  run++
  const models = Array.from({ length: KEYS }, (): Model => ({ truth: 1, acknowledgedTruth: 1, rows: [], delivered: 0 }))
  /** What a loader's query brought: a snapshot of rows and truth. */
  const loaded = new Map<string, { readonly posts: readonly number[]; readonly truth: number }>()

  for (const now of steps) {
    const model = models[now.key]
    const name = nameOf(now.key)
    if (!model) continue
    const load = 'loader' in now ? `${now.key}/${now.loader}` : ''
    const token = 'loader' in now ? run * LOADERS + now.loader : 0
    switch (now.do) {
      case 'commit':
        for (let i = 0; i < now.posts; i++) model.rows.push(++next)
        break
      case 'push':
        await say.push(name, ...model.rows.slice(model.delivered))
        model.delivered = model.rows.length
        break
      case 'lease':
        // A loader that is at work does not ask again with the same token.
        if (!loaded.has(load) && (await say.lease(name, token)).state === 'granted') loaded.set(load, { posts: [], truth: -1 })
        break
      case 'query':
        if (loaded.get(load)?.truth === -1) loaded.set(load, { posts: [...model.rows], truth: model.truth })
        break
      case 'fill': {
        const answer = loaded.get(load)
        if (!answer || answer.truth === -1) break
        loaded.delete(load)
        const { truth } = answer
        if (answer.posts.length > 0) await say.fill(name, token, answer.posts, { truth })
        else await say.fillText(name, token, { truth, payload: null })
        break
      }
      case 'delete':
        model.truth++
        break
      case 'invalidate':
        await say.invalidate(name, model.truth)
        model.acknowledgedTruth = model.truth
        break
      case 'expire':
        await l2.expire(leaseKeyOf(name))
        break
      case 'evict':
        await l2.expire(name)
    }
    const value = await l2.read(name)
    if (!value) continue
    expect(value.truth, 'an old truth came back').toBeGreaterThanOrEqual(model.acknowledgedTruth)
    const seen = new Set(await l2.posts(name))
    expect(
      model.rows.slice(0, model.delivered).filter((post) => !seen.has(post)),
      'what was delivered cannot be read',
    ).toEqual([])
  }
}

const interleavings = (scripts?: Scripts) =>
  fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 40 }), (steps) => play(steps, scripts))

test('however pushes, loads, deletes and expiries interleave, what was delivered can be read and nothing old comes back', async () => {
  await fc.assert(interleavings(), { seed: SEED, numRuns: 150, endOnFailure: true })
}, 30_000)

for (const [without, rules] of [
  ['recording in the lease', [['push', `if count ~= '' and count ~= 'XX' then`, 'if false then']]],
  ['merging what was recorded', [['fill', ` .. pushed, 'PX'`, `, 'PX'`]]],
  ['voiding the lease', [['invalidate', `  redis.call('DEL', lease)\nend`, 'end']]],
  ['appending', [['push', `redis.call('APPEND', key, entry)`, '']]],
  ['comparing tokens', [['fill', 'string.sub(held, 1, 22) == token', 'true']]],
] as const) {
  test(`without ${without} the same search finds a loss`, async () => {
    const found = await fc.check(interleavings(scriptsWithout(rules)), { seed: SEED, numRuns: 2_000, endOnFailure: true })
    expect(found.failed).toBe(true)
    expect(String(found.errorInstance)).toMatch(/cannot be read|came back/)
  }, 30_000)
}
