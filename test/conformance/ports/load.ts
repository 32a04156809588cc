import assert from 'node:assert/strict'
import type { CacheOptions } from '../../../worker/standalone.ts'
import type { Case } from './case.ts'

export interface LoadSubject<V> extends Pick<CacheOptions<V>, 'load' | 'encode' | 'decode'> {
  /** Keys that have a value: at least two. */
  readonly present: readonly string[]
  /** A key that has none. */
  readonly absent: string
  /** The origin answers nobody until the returned function is called. */
  hang(): () => void
  /** The origin fails until the returned function is called. */
  fail(): () => void
}

const never = new AbortController().signal
/** A load that does not hear its signal within this is not listening (milliseconds). */
const DEAF_MS = 2_000

/** What the cache wants of whoever loads. */
export const loadCases: readonly Case<LoadSubject<unknown>>[] = [
  {
    name: 'answers every key that has a value once, and null or nothing for one that has none',
    async run({ load, present, absent }) {
      const items = [...(await load([...present, absent], { signal: never }))]
      const found = items.filter(({ value }) => value !== null).map(({ key }) => key)
      assert.deepEqual(found.sort(), [...present].sort())
    },
  },
  {
    name: 'a load of absences alone is no failure',
    async run({ load, absent }) {
      const items = [...(await load([absent], { signal: never }))]
      assert(items.every(({ value }) => value === null))
    },
  },
  {
    name: 'a version is a whole number that does not fall while nothing changes',
    async run({ load, present }) {
      const versions = async () => new Map([...(await load(present, { signal: never }))].map(({ key, truth = 0 }) => [key, truth]))
      const [first, second] = [await versions(), await versions()]
      for (const [key, truth] of first) assert(Number.isSafeInteger(truth) && truth >= 0 && (second.get(key) ?? -1) >= truth)
    },
  },
  {
    name: 'a value is the same after encode and decode',
    async run({ load, present, encode = JSON.stringify, decode = JSON.parse }) {
      for (const { value } of await load(present, { signal: never })) {
        const again: unknown = decode(encode(value))
        assert.deepEqual(again, value)
      }
    },
  },
  {
    name: 'rejects when the origin fails: a failure is not an absence',
    async run({ load, present, fail }) {
      const heal = fail()
      await assert.rejects(async () => load(present, { signal: never })).finally(heal)
      assert([...(await load(present, { signal: never }))].length > 0)
    },
  },
  {
    name: 'gives up when its signal says so',
    async run({ load, present, hang }) {
      const goOn = hang()
      const giveUp = new AbortController()
      const heard = load(present, { signal: giveUp.signal }).then(
        () => 'answered',
        () => 'gave up',
      )
      giveUp.abort(new Error('enough'))
      let timer: ReturnType<typeof setTimeout> | undefined
      const deaf = new Promise<string>((resolve) => {
        timer = setTimeout(resolve, DEAF_MS, 'went on')
      })
      assert.equal(await Promise.race([heard, deaf]), 'gave up')
      clearTimeout(timer)
      goOn()
    },
  },
]
