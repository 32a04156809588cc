import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Item } from '../../../worker/standalone.ts'
import type { Case } from './case.ts'

export interface LoadSubject {
  load(keys: readonly string[], context: { readonly signal: AbortSignal }): Promise<Iterable<Item<unknown>>>
  /** JSON where left out. */
  readonly encode?: (value: unknown) => string
  readonly decode?: (text: string) => unknown
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

/** A load that answers all it is asked for: what it found, without absences. */
async function foundBy({ load }: LoadSubject, keys: readonly string[]) {
  const items = [...(await load(keys, { signal: never }))]
  return items.flatMap((item) => {
    if ('error' in item) throw item.error
    return item.value === null ? [] : [item]
  })
}

/** What the cache wants of whoever loads many keys at once. */
export const loadCases: readonly Case<LoadSubject>[] = [
  {
    name: 'answers every key that has a value once, and null or nothing for one that has none',
    async run(subject) {
      const found = await foundBy(subject, [...subject.present, subject.absent])
      assert.deepEqual(found.map(({ key }) => key).sort(), [...subject.present].sort())
    },
  },
  {
    name: 'a load of absences alone is no failure',
    async run(subject) {
      assert.deepEqual(await foundBy(subject, [subject.absent]), [])
    },
  },
  {
    name: 'a version is a whole number that does not fall while nothing changes',
    async run(subject) {
      const first = await foundBy(subject, subject.present)
      const second = new Map((await foundBy(subject, subject.present)).map(({ key, version }) => [key, version]))
      for (const { key, version } of first) {
        if (version !== undefined) assert(Number.isSafeInteger(version) && version >= 0 && (second.get(key) ?? -1) >= version)
      }
    },
  },
  {
    name: 'a value is the same after encode and decode',
    async run(subject) {
      const { encode = JSON.stringify, decode = JSON.parse } = subject
      for (const { value } of await foundBy(subject, subject.present)) {
        const again: unknown = decode(encode(value))
        assert.deepEqual(again, value)
      }
    },
  },
  {
    name: 'fails when the origin fails: a failure is not an absence',
    async run(subject) {
      const heal = subject.fail()
      await assert.rejects(() => foundBy(subject, subject.present)).finally(heal)
      assert((await foundBy(subject, subject.present)).length > 0)
    },
  },
  {
    name: 'gives up when its signal says so',
    async run(subject) {
      const goOn = subject.hang()
      const giveUp = new AbortController()
      const heard = subject.load(subject.present, { signal: giveUp.signal }).then(
        () => 'answered',
        () => 'gave up',
      )
      giveUp.abort(new Error('enough'))
      const enough = new AbortController()
      const deaf = sleep(DEAF_MS, 'went on', { signal: enough.signal }).catch(() => 'enough')
      assert.equal(await Promise.race([heard, deaf]).finally(goOn), 'gave up')
      enough.abort()
    },
  },
]
