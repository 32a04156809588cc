import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { leaseKeyOf } from '../../contract/l2/keys.ts'
import { type L2, postsIn, type Scripts, scriptsWithout, startL2, tokenOf } from '../support/l2.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const KEYS = 2
const LOADERS = 2

let l2: L2
beforeAll(async () => {
  l2 = await startL2()
})
afterAll(() => l2?.stop())

let nextKey = 1_100_000_000_000_000_000n
let nextPost = 0
let nextToken = 0

/** What a loader of a list is at: it holds a lease, then it has read Postgres too. */
type Load = { readonly token: number; posts?: readonly number[]; truth?: number }
/** A move that is possible now, and how likely it is to be made. */
type Move = readonly [weight: number, name: string, make: () => Promise<void> | void]

/** One list: what Postgres holds, what was acknowledged, and everything that can happen to it next. */
function createList(scripts?: Scripts) {
  const say = l2.speak(scripts)
  const key = `tl:${++nextKey}`
  const rows: number[] = []
  const loads: (Load | undefined)[] = Array.from({ length: LOADERS })
  let delivered = 0
  let truth = 1
  let acknowledgedTruth = 1

  const commit = (count: number) => {
    for (let i = 0; i < count; i++) rows.push(++nextPost)
  }
  async function push(): Promise<void> {
    await say.push(key, ...rows.slice(delivered))
    delivered = rows.length
  }
  async function invalidate(): Promise<void> {
    await say.invalidate(key, truth)
    acknowledgedTruth = truth
  }
  async function lease(i: number): Promise<void> {
    const token = ++nextToken
    if ((await say.lease(key, token)).state === 'granted') loads[i] = { token }
  }
  async function fill(i: number, { token, posts = [], truth = 0 }: Load): Promise<void> {
    loads[i] = undefined
    if (posts.length > 0) await say.fill(key, token, posts, { truth })
    else await say.fillText(key, token, { truth, payload: null })
  }
  async function fail(i: number, { token }: Load): Promise<void> {
    loads[i] = undefined
    await say.release(key, token, 0)
  }
  function query(i: number, load: Load): void {
    loads[i] = { ...load, posts: [...rows], truth }
  }
  function moveOf(load: Load | undefined, i: number): Move {
    if (!load) return [2, `load ${i} asks for the lease`, () => lease(i)]
    return load.posts ? [2, `load ${i} fills`, () => fill(i, load)] : [4, `load ${i} reads Postgres`, () => query(i, load)]
  }

  return {
    moves(): Move[] {
      const moves: Move[] = [[3, 'a post commits', () => commit(1)], ...loads.map(moveOf)]
      const running = loads.findIndex(Boolean)
      const load = loads[running]
      if (load) moves.push([1, `load ${running} fails`, () => fail(running, load)])
      if (rows.length < 70) moves.push([1, '70 posts commit', () => commit(70)]) // more than a lease records
      if (delivered < rows.length) moves.push([6, 'what committed is pushed', push])
      moves.push([1, 'the truth changes', () => void truth++])
      if (truth > acknowledgedTruth) moves.push([3, 'and is invalidated', invalidate])
      if (loads.some(Boolean)) moves.push([1, 'the lease ends', () => l2.expire(leaseKeyOf(key))])
      if (delivered > 0) moves.push([1, 'the value is evicted', () => l2.expire(key)])
      return moves
    },
    /** A value that is cached holds everything that was delivered, and is not older than what was acknowledged. */
    async check(story: readonly string[]): Promise<void> {
      const value = await l2.read(key)
      if (!value) return
      const seen = new Set(postsIn(value))
      const lost = rows.slice(0, delivered).filter((post) => !seen.has(post))
      if (lost.length > 0) throw new Error(`${lost.length} posts were lost:\n${story.join('\n')}`)
      if (value.truth < acknowledgedTruth) throw new Error(`an old truth came back:\n${story.join('\n')}`)
    },
  }
}

/** A walk: each number picks one of the moves that are possible then. */
async function walk(picks: readonly number[], scripts?: Scripts): Promise<void> {
  const lists = Array.from({ length: KEYS }, () => createList(scripts))
  const story: string[] = []
  for (const pick of picks) {
    const chances = lists.flatMap((list, i) => list.moves().flatMap((move) => Array.from({ length: move[0] }, () => ({ list, i, move }))))
    const chance = chances[pick % chances.length]
    if (!chance) continue
    const { list, i, move } = chance
    story.push(`list ${i}: ${move[1]}`)
    await move[2]()
    await list.check(story)
  }
}

const picks = fc.array(fc.nat(9_999), { minLength: 50, maxLength: 100, size: 'max' })
const walks = (scripts?: Scripts) => fc.asyncProperty(picks, (steps) => walk(steps, scripts))

test('however pushes, loads, changes and expiries interleave, what was delivered can be read and nothing old comes back', async () => {
  await fc.assert(walks(), { seed: SEED, numRuns: 30, endOnFailure: true })
}, 120_000)

for (const [without, rules] of [
  ['recording in the lease', [['push', `if count ~= '' and count ~= 'XX' then`, 'if false then']]],
  ['merging what was recorded', [['fill', ` .. pushed, 'PX'`, `, 'PX'`]]],
  ['refusing what recorded too much', [['push', `redis.call('SETRANGE', lease, '22', 'XX')`, '']]],
  ['voiding the lease', [['invalidate', `  redis.call('DEL', lease)\nend`, 'end']]],
  ['appending', [['push', `redis.call('APPEND', key, entry)`, '']]],
  ['comparing tokens', [['fill', 'string.sub(held, 1, 22) == token', `string.sub(held, 1, 1) == '${tokenOf(0)[0]}'`]]],
] as const) {
  test(`without ${without} the same search finds a loss`, async () => {
    const found = await fc.check(walks(scriptsWithout(rules)), { seed: SEED, numRuns: 200, endOnFailure: true })
    expect(String(found.errorInstance), `seed ${SEED}`).toMatch(/posts were lost|an old truth came back/)
  }, 120_000)
}
