import assert from 'node:assert/strict'
import type { Held } from '../../../worker/cache/entry.ts'
import type { MemoryTier } from '../../../worker/cache/memory-tier.ts'
import type { Case } from './case.ts'

export interface MemoryTierSubject {
  /** A new, empty one. */
  create(maxBytes: number): MemoryTier
}

const MAX_BYTES = 1024 * 1024
const VALUE_BYTES = 1_000

const heldOf = (value: unknown): Held<unknown> => ({
  value,
  life: { softExpiresAtMs: 0, hardExpiresAtMs: 0, graceEndsAtMs: 0, deltaMs: 0 },
  truth: 1,
  stamp: 1,
  verifiedAtMs: 0,
  quietUntilMs: 0,
})

/** What it answers may be an object of its own; the value is the one that was put. */
function holds(tier: MemoryTier, key: string, held: Held<unknown>): void {
  const { value, life, truth, stamp, verifiedAtMs, quietUntilMs } = tier.get(key) ?? {}
  assert.equal(value, held.value)
  assert.deepEqual({ value, life, truth, stamp, verifiedAtMs, quietUntilMs }, held)
}

/** What the memory of an isolate must do; what it evicts first is its own affair. */
export const memoryTierCases: readonly Case<MemoryTierSubject>[] = [
  {
    name: 'it answers what was put last, the same value with all that is known of it, and nothing for what was not put or was deleted',
    async run({ create }) {
      const tier = create(MAX_BYTES)
      const [old, young] = [heldOf(['old']), heldOf(['young'])]
      tier.set('a', old, VALUE_BYTES)
      tier.set('a', young, VALUE_BYTES)
      tier.set('b', old, VALUE_BYTES)
      tier.delete('b')
      tier.delete('c')
      holds(tier, 'a', young)
      assert.equal(tier.get('b'), undefined)
      assert.equal(tier.size, 1)
    },
  },
  {
    name: 'an absence and an empty value are held like any other',
    async run({ create }) {
      const tier = create(MAX_BYTES)
      const absence = heldOf(null)
      tier.set('', absence, 0)
      holds(tier, '', absence)
    },
  },
  {
    name: 'it never holds more than its bytes, however many are put, and is not emptied by that',
    async run({ create }) {
      const tier = create(MAX_BYTES)
      for (let i = 0; i < 5_000; i++) {
        tier.set(`key-${i}`, heldOf(i), VALUE_BYTES)
        assert(tier.bytes <= MAX_BYTES)
      }
      assert(tier.size > MAX_BYTES / VALUE_BYTES / 2)
    },
  },
  {
    name: 'a value that grows or shrinks is weighed anew',
    async run({ create }) {
      const tier = create(MAX_BYTES)
      tier.set('a', heldOf(1), 100)
      const small = tier.bytes
      tier.set('a', heldOf(2), 1_100)
      assert.equal(tier.bytes, small + 1_000)
      tier.set('a', heldOf(3), 100)
      assert.equal(tier.bytes, small)
      tier.delete('a')
      assert(tier.bytes < small)
    },
  },
  {
    name: 'a value as large as the whole is not kept, and what stood there before is forgotten',
    async run({ create }) {
      const tier = create(MAX_BYTES)
      tier.set('other', heldOf(0), VALUE_BYTES)
      tier.set('a', heldOf(1), VALUE_BYTES)
      tier.set('a', heldOf(2), MAX_BYTES)
      assert.equal(tier.get('a'), undefined)
      assert(tier.get('other'))
    },
  },
  {
    name: 'what is read all the time survives a walk over many that are read once',
    async run({ create }) {
      const tier = create(MAX_BYTES)
      tier.set('hot', heldOf('hot'), VALUE_BYTES)
      for (let i = 0; i < 5_000; i++) {
        assert(tier.get('hot'), `gone after ${i}`)
        tier.set(`key-${i}`, heldOf(i), VALUE_BYTES)
      }
    },
  },
  {
    name: 'cleared it is as new',
    async run({ create }) {
      const tier = create(MAX_BYTES)
      for (let i = 0; i < 2_000; i++) tier.set(`key-${i}`, heldOf(i), VALUE_BYTES)
      tier.clear()
      // Its value alone: what a memory answers may be linked to all the others, and a message would print them.
      assert.deepEqual([tier.size, tier.bytes, tier.get('key-1999')?.value], [0, create(MAX_BYTES).bytes, undefined])
      for (let i = 0; i < 2_000; i++) tier.set(`key-${i}`, heldOf(i), VALUE_BYTES)
      assert(tier.bytes <= MAX_BYTES && tier.get('key-1999'))
    },
  },
]
