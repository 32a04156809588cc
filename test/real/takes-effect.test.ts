import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { keyOf } from '../../contract/l2/keys.ts'
import { EFFECTS } from '../support/freshness/effects.ts'
import { forgetInvalidationsOf } from '../support/freshness/forgotten.ts'
import { type Measured, measure, stillShownToWriter, violationsOf } from '../support/freshness/measure.ts'
import { type Cast, createCast, type Person } from '../support/freshness/people.ts'
import { type Look, untilAll, watch } from '../support/freshness/watch.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { startWorkerd, type Workerd } from '../support/workerd.ts'

const PAUSE_MS = 300

let stack: Stack
/** The negative twin: an isolate that remembers for a minute. */
let forgetful: Workerd
/** All effects at the same time, each with people of its own. */
const measured = new Map<string, Measured>()
const stillShown = new Map<string, readonly string[]>()
/** What is seen of a deleted post whose invalidation was lost. */
let lost: readonly string[] = []

beforeAll(async () => {
  // The replica lags, as it may in production.
  stack = await startStack({ processes: 2, isolates: 2, replicaLagMs: 300 })
  forgetful = await startWorkerd({ bundle: inject('workerBundle'), bindings: { ...stack.bindings, MEMORY_MAX_AGE_MS: '60000' } })
  const cast = await createCast(stack)
  const isolates = [...stack.urls, ...forgetful.urls]
  await Promise.all([
    ...EFFECTS.map(async (effect) => measured.set(effect.name, await measure(effect, cast, { isolates, pauseMs: PAUSE_MS }))),
    ...EFFECTS.map(async (effect) => stillShown.set(effect.name, await stillShownToWriter(effect, cast, stack.urls))),
    deleteUnheard(cast).then((seen) => {
      lost = seen
    }),
  ])
}, 90_000)
afterAll(async () => {
  await forgetful?.stop()
  await stack?.stop()
})

async function deleteUnheard(cast: Cast): Promise<string[]> {
  const [author] = (await cast.people(1)) as [Person]
  const { id } = await author.write('POST', '/v1/posts', { text: 'a post' })
  const look: Look = { reader: undefined, path: `/v1/posts/${id}`, needle: id }
  await forgetInvalidationsOf(stack.db, keyOf.post(id, 'public'))
  await untilAll(stack.urls, [look], true)
  const act = () => author.write('DELETE', look.path)
  return violationsOf(await watch([look], act, { isolates: stack.urls, pauseMs: PAUSE_MS }), false)
}

const of = (name: string, phase: 'gone' | 'back', isolates: readonly string[]) =>
  measured.get(name)?.[phase]?.filter(({ isolate }) => isolates.includes(isolate))

describe.each(EFFECTS.map(({ name }) => name))('%s', (name) => {
  test('what it takes away is served by no isolate later than 5 s after the acknowledgement', () => {
    const sightings = of(name, 'gone', stack.urls)
    expect(sightings?.length).toBeGreaterThanOrEqual(4)
    expect(violationsOf(sightings ?? [], false)).toEqual([])
  })

  test('the way back is through in every isolate within 5 s', () => {
    expect(violationsOf(of(name, 'back', stack.urls) ?? [], true)).toEqual([])
  })

  test('its writer is shown nothing of it from the acknowledgement on, in any isolate, with the token as header or cookie', () => {
    expect(stillShown.get(name)).toEqual([])
  })

  test('an isolate that remembers for a minute goes on showing it, and is seen', () => {
    expect(violationsOf(of(name, 'gone', forgetful.urls) ?? [], false).length).toBeGreaterThan(0)
  })
})

test('a delete whose invalidation was lost is seen in every isolate', () => {
  expect(lost.length).toBe(stack.urls.length)
})
