import { type LoadSubject, loadCases } from 'tideline/cache/conformance'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keyOf } from '../../contract/l2/keys.ts'
import { importKey } from '../../contract/signed.ts'
import { createOriginClient } from '../../worker/adapters/origin-client.ts'
import { makeUsers } from '../support/people.ts'
import { type SlowOrigin, startSlowOrigin } from '../support/slow-origin.ts'
import { type Stack, startStack } from '../support/stack.ts'

describe('the origin over HTTP', () => {
  let stack: Stack
  let way: SlowOrigin
  let subject: LoadSubject
  beforeAll(async () => {
    ;[stack, way] = await Promise.all([startStack({ processes: 0 }), startSlowOrigin()])
    way.aimAt(stack.originUrl())
    const { load } = createOriginClient({
      url: way.url,
      key: importKey(stack.secrets.EDGE_SECRET),
      clock: { nowMs: () => Date.now() },
      timeoutSignal: (ms) => AbortSignal.timeout(ms),
      loadDeadlineMs: 10_000,
      writeDeadlineMs: 10_000,
    })
    const users = await makeUsers(stack.db, 3)
    subject = {
      load: async (keys, { signal }) =>
        (await load(keys, signal)).map((loaded) =>
          'error' in loaded ? loaded : { key: loaded.key, value: loaded.payload, version: loaded.truth ?? 0 },
        ),
      present: users.map(keyOf.user),
      absent: keyOf.user('1100000000000999999'),
      hang: () => way.hold(),
      fail() {
        way.setRule(() => ({ status: 503 }))
        return () => way.setRule(undefined)
      },
    }
  })
  afterAll(async () => {
    await way?.close()
    await stack?.stop()
  })

  test.each(loadCases)('$name', ({ run }) => run(subject))
})

/** An origin of two rows, in this process. */
function inMemory(): LoadSubject {
  const rows = new Map([
    ['a', { colour: 'red' }],
    ['b', { colour: 'blue' }],
  ])
  let trouble: ((signal: AbortSignal) => Promise<unknown>) | undefined
  const meet = (next: typeof trouble) => {
    trouble = next
    return () => {
      trouble = undefined
    }
  }
  return {
    async load(keys, { signal }) {
      await trouble?.(signal)
      return keys.map((key) => ({ key, value: rows.get(key) ?? null, version: 1 }))
    },
    present: ['a', 'b'],
    absent: 'c',
    hang: () => meet((signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))),
    fail: () => meet(() => Promise.reject(new Error('the origin is down'))),
  }
}

describe('an origin in memory', () => {
  test.each(loadCases)('$name', ({ run }) => run(inMemory()))
})

/** What is wrong with a loader, in the order of the cases that find out. */
const BROKEN: Readonly<Record<string, (subject: LoadSubject) => Partial<LoadSubject>>> = {
  'leaves out what there is': ({ load }) => ({ load: async (keys, context) => [...(await load(keys, context))].slice(1) }),
  'makes an error of an absence': ({ load, absent }) => ({
    load: (keys, context) => (keys.length === 1 && keys[0] === absent ? Promise.reject(new Error('not found')) : load(keys, context)),
  }),
  'counts versions in fractions': ({ load }) => ({
    load: async (keys, context) => [...(await load(keys, context))].map((item) => ({ ...item, version: 0.5 })),
  }),
  'loses what JSON does not know': ({ load }) => ({
    load: async (keys, context) =>
      [...(await load(keys, context))].map((item) => ('value' in item && item.value ? { ...item, value: new Date(0) } : item)),
  }),
  'takes a failure for an absence': ({ load }) => ({ load: (keys, context) => load(keys, context).catch(() => []) }),
  'does not listen to its signal': ({ load }) => ({ load: (keys) => load(keys, { signal: new AbortController().signal }) }),
}

test.each(Object.entries(BROKEN))('the suite finds out a loader that %s', async (wrong, breaks) => {
  const found = loadCases[Object.keys(BROKEN).indexOf(wrong)]
  const subject = inMemory()
  await expect(found?.run({ ...subject, ...breaks(subject) })).rejects.toThrow()
})
