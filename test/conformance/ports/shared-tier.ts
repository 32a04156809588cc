import assert from 'node:assert/strict'
import type { Case } from './case.ts'
import { NEVER_MS, type SharedTierSubject, SOON_MS, speak, type Words } from './words.ts'

const cases: Readonly<Record<string, (words: Words) => Promise<void>>> = {
  async 'read answers for each key what is stored, in order, and nothing for the rest'({ tier, keyOf, put }) {
    const [a, c, empty] = [await put('a', 'A é 🌊'), await put('c', null), await put('empty', '')]
    assert.deepEqual(await tier.read(['a', 'b', 'c', 'a', 'empty'].map(keyOf)), [a, undefined, c, a, empty])
  },
  async 'read brings back a long value and a strange key as they were'({ put, read }) {
    const payload = `${'"\\\n\u0000 '.repeat(10_000)}end`
    const key = 'a b:{c}/é?%20"\\'
    const stored = await put(key, payload)
    assert.deepEqual(await read(key), stored)
  },
  async 'a value is gone when its grace has ended'({ put, read, eventually }) {
    await put('a', 'A', { livesMs: SOON_MS })
    await eventually(async () => assert.equal(await read('a'), undefined))
  },

  async 'lease: one of many gets it, each key for itself'({ tier, tokenOf, wantedOf, stateOf }) {
    const states = await Promise.all(Array.from({ length: 20 }, (_, loader) => stateOf('a', loader)))
    assert.deepEqual(states.sort(), ['granted', ...Array<string>(19).fill('refused')])
    const both = await tier.lease([wantedOf('a'), wantedOf('b')], tokenOf(21), 60_000)
    assert.deepEqual(
      both.map(({ state }) => state),
      ['refused', 'granted'],
    )
  },
  async 'lease: its holder does not get it twice'({ stateOf }) {
    assert.equal(await stateOf('a', 1), 'granted')
    assert.equal(await stateOf('a', 1), 'refused')
  },
  async 'lease: it runs out'({ stateOf, fill, storedOf, eventually }) {
    await stateOf('a', 1, {}, SOON_MS)
    await eventually(async () => assert.equal(await stateOf('a', 2), 'granted'))
    assert.equal(await fill('a', 1, storedOf('late')), undefined)
  },
  async 'lease: a value with a later soft end is fresher, no load is wanted'({ put, lease, stateOf }) {
    const stored = await put('a', 'A')
    const { softExpiresAtMs } = stored.life
    assert.deepEqual(await lease('a', 1), { state: 'fresher', stored })
    assert.deepEqual(await lease('a', 1, { beatsSoftEndMs: softExpiresAtMs - 1 }), { state: 'fresher', stored })
    assert.equal(await stateOf('a', 1, { beatsSoftEndMs: softExpiresAtMs }), 'granted')
  },
  async 'lease: a value below the least truth is not fresher, but is answered along'({ put, lease }) {
    const stored = await put('a', 'A', { truth: 4 })
    assert.deepEqual(await lease('a', 1, { leastTruth: 4 }), { state: 'fresher', stored })
    assert.deepEqual(await lease('a', 1, { leastTruth: 5 }), { state: 'granted', stored })
    assert.deepEqual(await lease('a', 2, { leastTruth: 5 }), { state: 'refused', stored })
  },
  async 'lease: what the reader has seen already is not sent again, another stamp is'({ put, lease }) {
    const stored = await put('a', 'A')
    const seenSoftEndMs = stored.life.softExpiresAtMs
    const seen = { beatsSoftEndMs: seenSoftEndMs, seenSoftEndMs, seenStamp: stored.stamp }
    for (const [loader, state] of [
      [1, 'granted'],
      [2, 'refused'],
    ] as const) {
      const answer = await lease('a', loader, seen)
      assert.equal(answer.state, state)
      assert.equal(answer.stored, undefined)
    }
    assert.deepEqual((await lease('a', 3, { ...seen, seenStamp: stored.stamp + 1 })).stored, stored)
  },

  async 'release lets the next one have the lease after a rest, not before'({ stateOf, release, eventually }) {
    await stateOf('a', 1)
    await release(['a'], 1, SOON_MS)
    assert.equal(await stateOf('a', 2), 'refused')
    await eventually(async () => assert.equal(await stateOf('a', 2), 'granted'))
  },
  async 'release is the holder’s alone, for each key'({ stateOf, release, eventually }) {
    await stateOf('a', 1)
    await stateOf('b', 2)
    await release(['a', 'b', 'c'], 1, 1)
    await eventually(async () => assert.equal(await stateOf('a', 3), 'granted'))
    assert.equal(await stateOf('b', 3), 'refused')
    assert.equal(await stateOf('c', 3), 'granted')
  },
  async 'release leaves the value as it is'({ put, stateOf, release, read }) {
    const stored = await put('a', 'A')
    await stateOf('a', 1, { beatsSoftEndMs: NEVER_MS })
    await release(['a'], 1, SOON_MS)
    assert.deepEqual(await read('a'), stored)
  },

  async 'fill is the holder’s alone, and once'({ lease, fill, storedOf, read }) {
    assert.equal(await fill('a', 1, storedOf('A')), undefined)
    await lease('a', 1)
    assert.equal(await fill('a', 2, storedOf('A')), undefined)
    assert.deepEqual(await fill('a', 1, storedOf('A')), { stamp: 1, pushed: '' })
    assert.equal(await fill('a', 1, storedOf('A')), undefined)
    assert.equal((await read('a'))?.payload, 'A')
  },
  async 'fill keeps every end, delta and truth, and raises the stamp'({ put, read }) {
    const [first, second] = [await put('a', 'A', { truth: 3 }), await put('a', 'B', { truth: 3 })]
    assert.deepEqual([first.stamp, second.stamp], [1, 2])
    assert.deepEqual(await read('a'), second)
  },
  async 'fill is judged for each key'({ tier, keyOf, tokenOf, storedOf, lease }) {
    await lease('a', 1)
    await lease('b', 2)
    const filled = await tier.fill(
      ['a', 'b'].map((name) => ({ key: keyOf(name), stored: storedOf(name) })),
      tokenOf(1),
    )
    assert.deepEqual(filled, [{ stamp: 1, pushed: '' }, undefined])
    assert.deepEqual(
      (await tier.read(['a', 'b'].map(keyOf))).map((stored) => stored?.payload),
      ['a', undefined],
    )
  },
  async 'fill is refused below a truth that is stored, and gives its lease back'({ put, lease, stateOf, fill, storedOf, read }) {
    await put('a', 'new', { truth: 5 })
    await lease('a', 1, { leastTruth: 9 })
    assert.equal(await fill('a', 1, storedOf('old', { truth: 4 })), undefined)
    assert.equal((await read('a'))?.payload, 'new')
    assert.equal(await stateOf('a', 2, { leastTruth: 9 }), 'granted')
  },

  async 'invalidate drops an older truth and voids the lease: a slow fill is refused'({
    put,
    lease,
    stateOf,
    fill,
    storedOf,
    read,
    invalidate,
  }) {
    await put('a', 'A', { truth: 1 })
    await lease('a', 1, { leastTruth: 2 })
    await invalidate('a', 2)
    assert.equal(await read('a'), undefined)
    assert.equal(await fill('a', 1, storedOf('A')), undefined)
    assert.equal(await read('a'), undefined)
    assert.equal(await stateOf('a', 2), 'granted')
  },
  async 'invalidate voids the lease of a key that has no value'({ lease, fill, storedOf, read, invalidate }) {
    await lease('a', 1)
    await invalidate('a', 1)
    assert.equal(await fill('a', 1, storedOf('old')), undefined)
    assert.equal(await read('a'), undefined)
  },
  async 'invalidate leaves a truth that is as new, but voids the lease'({ put, lease, fill, storedOf, read, invalidate }) {
    const stored = await put('a', 'A', { truth: 2 })
    await lease('a', 1, { leastTruth: 3 })
    await invalidate('a', 2)
    assert.deepEqual(await read('a'), stored)
    assert.equal(await fill('a', 1, storedOf('B', { truth: 3 })), undefined)
  },
  async 'invalidate with the greatest truth drops whatever there is, of many keys, and says nothing of those that are not there'(words) {
    const { tier, keyOf, put } = words
    await put('a', 'A', { truth: 7 })
    await put('b', null)
    await tier.invalidate(['a', 'b', 'c'].map((name) => ({ key: keyOf(name), truth: Number.MAX_SAFE_INTEGER })))
    assert.deepEqual(await tier.read(['a', 'b', 'c'].map(keyOf)), [undefined, undefined, undefined])
    await put('a', 'again', { truth: 0 })
  },
}

/** What a tier that isolates share must do. `tier` may be used by others meanwhile: each case has keys of its own. */
export const sharedTierCases: readonly Case<SharedTierSubject>[] = Object.entries(cases).map(([name, check]) => ({
  name,
  run: (subject) => check(speak(subject)),
}))
