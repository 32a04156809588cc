import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { keyOf } from '../../../contract/l2/keys.ts'
import { NEVER_DEGRADED, type Stack, startStack } from '../stack.ts'
import { startWorkerd, type Workerd } from '../workerd.ts'
import { EFFECTS } from './effects.ts'
import { forgetInvalidationsOf } from './forgotten.ts'
import { type Measured, measure, placesOf, prepare, violationsOf } from './measure.ts'
import { type Cast, createCast, type Person } from './people.ts'
import { type Look, untilAll, watch } from './watch.ts'

/** Isolates of each process. */
const EACH = 3
/** Effects whose stage is set at the same time. */
const WARMED_AT_ONCE = 4
/** Nothing of these was ever shown. */
const NEVER_SHOWN = /request$/

interface Setting {
  readonly replicaLagMs: number
  /** Everybody who is followed is pulled. */
  readonly crowded?: boolean
  /** Milliseconds between two readings of the same place. */
  readonly pauseMs: number
  /** Effects are watched a few at a time, not all at once. */
  readonly fewAtOnce?: boolean
}

/** Holds promises 3 and 4: what a write takes away is gone from every isolate within 5 s, and what it brings is there. */
export function takesEffect({ replicaLagMs, crowded = false, pauseMs, fewAtOnce = false }: Setting): void {
  let stack: Stack
  /** Those that are watched. */
  let isolates: readonly string[] = []
  /** The negative twin: an isolate that remembers for a minute. */
  let forgetful: Workerd
  /** Each has people of its own. */
  const measured = new Map<string, Measured>()
  /** What is seen of a deleted post whose invalidation was lost. */
  let lost: readonly string[] = []

  beforeAll(async () => {
    // The replica lags, as it may in production. Writes may take their time on a busy machine: it is counted from their acknowledgement. And
    // Redis is never taken for silent there: a write would be acknowledged with debts, and reads answered from what memory has.
    const origin = crowded ? { CROWD_THRESHOLD: '1', CROWD_FLOOR: '1' } : {}
    stack = await startStack({ processes: 2, isolates: EACH, replicaLagMs, origin, worker: NEVER_DEGRADED })
    forgetful = await startWorkerd({ bundle: inject('workerBundle'), bindings: { ...stack.bindings, MEMORY_MAX_AGE_MS: '60000' } })
    const placed = placesOf(stack.urls, EACH)
    isolates = placed.isolates
    const places = { ...placed, isolates: [...isolates, ...forgetful.urls], pauseMs }
    const cast = await createCast(stack, crowded)
    const waiting = [...EFFECTS]
    const watching: Promise<unknown>[] = []
    // Cold isolates are dear: some at a time.
    async function prepareOn(): Promise<void> {
      for (let effect = waiting.shift(); effect; effect = waiting.shift()) {
        const { name } = effect
        const watched = measure(await prepare(effect, cast, places), places).then((one) => measured.set(name, one))
        watched.catch(() => {}) // told below
        watching.push(watched)
        if (fewAtOnce) await watched
      }
    }
    lost = (await Promise.all([deleteUnheard(cast), ...Array.from({ length: WARMED_AT_ONCE }, prepareOn)]))[0]
    await Promise.all(watching)
  }, 180_000)
  afterAll(async () => {
    await forgetful?.stop()
    await stack?.stop()
  })

  async function deleteUnheard(cast: Cast): Promise<string[]> {
    const [author] = (await cast.people(1)) as [Person]
    const { id } = await author.write('POST', '/v1/posts', { text: 'a post' })
    const look: Look = { reader: undefined, path: `/v1/posts/${id}`, needle: id }
    await forgetInvalidationsOf(stack.db, keyOf.post(id, 'public'))
    await untilAll(isolates, [look], true)
    const act = () => author.write('DELETE', look.path)
    return violationsOf(await watch([look], act, { isolates, pauseMs }), false)
  }

  const of = (name: string, phase: 'gone' | 'back', where: readonly string[]) =>
    measured.get(name)?.[phase]?.filter(({ isolate }) => where.includes(isolate))

  describe.each(EFFECTS.map(({ name }) => name))('%s', (name) => {
    test('what it takes away is served by no isolate later than 5 s after the acknowledgement', () => {
      const sightings = of(name, 'gone', isolates)
      expect(sightings?.length).toBeGreaterThanOrEqual(4)
      expect(violationsOf(sightings ?? [], false)).toEqual([])
    })

    test('the way back is through in every isolate within 5 s', () => {
      expect(violationsOf(of(name, 'back', isolates) ?? [], true)).toEqual([])
    })

    test('its writer is shown nothing of it from the acknowledgement on, in any isolate, with the token as header or cookie', () => {
      expect(measured.get(name)?.own).toEqual([])
    })

    test('an isolate that remembers for a minute goes on showing it, and is seen', () => {
      if (NEVER_SHOWN.test(name))
        return expect(of(name, 'gone', forgetful.urls)?.some(({ glances }) => glances.some(({ shown }) => shown))).toBe(false)
      expect(violationsOf(of(name, 'gone', forgetful.urls) ?? [], false).length).toBeGreaterThan(0)
    })
  })

  test('a delete whose invalidation was lost is seen in every isolate', () => {
    expect(lost.length).toBe(isolates.length)
  })
}
