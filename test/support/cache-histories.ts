import fc from 'fast-check'
import { expect } from 'vitest'
import type { Answer } from '../../worker/cache/found.ts'
import { createCacheWorld, keyOf, MAX_AGE_MS } from './cache-world.ts'

const KEYS = ['a', 'b', 'c']
const ISOLATES = 3
/** Promise 4: replica lag, memory's max age and a load, with room to spare (milliseconds). */
const PROMISED_MS = 5_000
/** No read may take longer than this, whatever is broken (milliseconds): three dead flights, each with all its deadlines. */
const PATIENCE_MS = 21_000

type Step =
  | { readonly does: 'read'; readonly by: number; readonly keys: readonly string[]; readonly insists: boolean }
  | { readonly does: 'write'; readonly key: string; readonly toldTo: number | undefined }
  | { readonly does: 'wait'; readonly ms: number }
  | { readonly does: 'lag'; readonly ms: number }
  | { readonly does: 'slow'; readonly what: 'tier' | 'origin'; readonly ms: number }
  | { readonly does: 'break' | 'mend'; readonly what: 'tier' | 'origin' }

const anyKey = fc.constantFrom(...KEYS)
const anyIsolate = fc.nat({ max: ISOLATES - 1 })
/** Steps while all is well. */
const calm: fc.Arbitrary<Step>[] = [
  fc.record({
    does: fc.constant('read' as const),
    by: anyIsolate,
    keys: fc.uniqueArray(anyKey, { minLength: 1 }),
    insists: fc.boolean(),
  }),
  fc.record({ does: fc.constant('write' as const), key: anyKey, toldTo: fc.option(anyIsolate, { nil: undefined }) }),
  fc.record({ does: fc.constant('wait' as const), ms: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 3_000 }), fc.nat({ max: 15_000 })) }),
  fc.record({ does: fc.constant('lag' as const), ms: fc.constantFrom(0, 300, 1_000) }),
]
const part = fc.constantFrom('tier' as const, 'origin' as const)
/** Steps that break, slow down and mend. */
const trouble: fc.Arbitrary<Step>[] = [
  fc.record({ does: fc.constant('slow' as const), what: part, ms: fc.constantFrom(0, 50, 400, 1_500) }),
  fc.record({ does: fc.constantFrom('break' as const, 'mend' as const, 'mend' as const), what: part }),
]
/** Any history of such steps, most of them reads. */
const historyOf = (steps: readonly fc.Arbitrary<Step>[]) =>
  fc.array(fc.oneof(...steps.flatMap((step, i) => (i === 0 ? [step, step, step] : [step]))), { minLength: 10, maxLength: 60 })

/** What ends all trouble, and lets the promised time pass. */
const MENDED: readonly Step[] = [
  { does: 'mend', what: 'tier' },
  { does: 'mend', what: 'origin' },
  { does: 'slow', what: 'tier', ms: 0 },
  { does: 'slow', what: 'origin', ms: 50 },
  { does: 'wait', ms: PROMISED_MS + MAX_AGE_MS },
]

interface Read {
  readonly by: number
  readonly key: string
  readonly leastTruth: number
  readonly begunAtMs: number
  /** Of all that happened, the how-manieth this was: much happens in one millisecond. */
  readonly begunAs: number
  endedAtMs: number
  answer: Answer<string> | undefined
}
interface Write {
  readonly key: string
  readonly truth: number
  /** Who was told, beside the shared tier. */
  readonly toldTo: number | undefined
  acknowledgedAtMs: number
  acknowledgedAs: number
}

/** Lives through a history: what was read and written, and when each step began. */
async function live(history: readonly Step[], seed: number, beta: number) {
  const world = createCacheWorld(seed)
  const { clock, tier, origin } = world
  const isolates = Array.from({ length: ISOLATES }, () => world.isolate({ beta }))
  const reads: Read[] = []
  const writes: Write[] = []
  const pending: Promise<unknown>[] = []
  const stepsAtMs: number[] = []
  let happened = 0
  const truths = new Map(KEYS.map((key) => [key, origin.write(key, 'v')]))

  async function read({ by, keys, insists }: Extract<Step, { does: 'read' }>): Promise<void> {
    const leastTruth = new Map(insists ? truths : [])
    const begunAs = happened++
    const begun = keys.map(
      (key): Read => ({
        by,
        key,
        leastTruth: leastTruth.get(key) ?? 0,
        begunAtMs: clock.nowMs(),
        begunAs,
        endedAtMs: Number.POSITIVE_INFINITY,
        answer: undefined,
      }),
    )
    reads.push(...begun)
    const found = await isolates[by]?.turn(keys, (key) => leastTruth.get(key) ?? 0)
    for (const one of begun) {
      one.endedAtMs = clock.nowMs()
      one.answer = found?.get(keyOf(one.key))
    }
  }
  /** As the origin does it: what the shared tier did not confirm is a debt, and tried until it does. */
  async function write({ key, toldTo }: Extract<Step, { does: 'write' }>): Promise<void> {
    const truth = origin.write(key, 'v')
    truths.set(key, truth)
    const written: Write = { key, truth, toldTo, acknowledgedAtMs: Number.POSITIVE_INFINITY, acknowledgedAs: Number.POSITIVE_INFINITY }
    writes.push(written)
    const told = toldTo === undefined ? undefined : isolates[toldTo]
    told?.forget([key])
    const confirmed = () =>
      tier.invalidate([{ key, truth }]).then(
        () => true,
        () => false,
      )
    while (!(await confirmed())) await clock.sleep(100)
    told?.forget([key])
    written.acknowledgedAtMs = clock.nowMs()
    written.acknowledgedAs = happened++
  }

  for (const step of history) {
    stepsAtMs.push(clock.nowMs())
    if (step.does === 'read') pending.push(read(step))
    else if (step.does === 'write') pending.push(write(step))
    else if (step.does === 'wait') await clock.advance(step.ms)
    else if (step.does === 'lag') tier.replicaLagMs = step.ms
    else if (step.does === 'slow') (step.what === 'tier' ? tier : origin).latencyMs = step.ms
    else (step.what === 'tier' ? tier : origin).down = step.does === 'break'
  }
  tier.down = false
  origin.down = false
  await clock.until(Promise.all(pending))
  await Promise.all(isolates.map(({ settled }) => settled()))
  return { world, reads, writes, stepsAtMs }
}

/** Whatever happens: reads end, and nothing dead is served. */
function checkBounds(reads: readonly Read[]): void {
  for (const { begunAtMs, endedAtMs, answer } of reads) {
    expect(endedAtMs - begunAtMs).toBeLessThanOrEqual(PATIENCE_MS)
    expect(answer?.freshness).not.toBe('dead')
  }
}

/** While all is well: what was acknowledged is seen within the promised time, at once by who was told of it or insists. */
function checkFreshness(reads: readonly Read[], writes: readonly Write[]): void {
  for (const { by, key, begunAtMs, begunAs, leastTruth, answer } of reads) {
    const truth = answer?.truth ?? Number.NaN
    expect(truth, 'what the reader insists on').toBeGreaterThanOrEqual(leastTruth)
    for (const write of writes) {
      if (write.key !== key || begunAs < write.acknowledgedAs) continue
      if (begunAtMs >= write.acknowledgedAtMs + PROMISED_MS) expect(truth, 'what is promised').toBeGreaterThanOrEqual(write.truth)
      if (write.toldTo === by) expect(truth, 'what the isolate was told').toBeGreaterThanOrEqual(write.truth)
    }
  }
}

const anySeed = fc.nat({ max: 2 ** 31 })
/** X-Fetch off, usual, and always. */
const anyBeta = fc.constantFrom(0, 1, 1_000_000)

/** The laws of the read path over `numRuns` histories each. */
export const LAWS: readonly (readonly [name: string, holds: (numRuns: number) => Promise<void>])[] = [
  [
    'while all is well, in whatever order: what is written is seen in time, and a key has one load in the air',
    (numRuns) =>
      fc.assert(
        fc.asyncProperty(historyOf(calm), anySeed, anyBeta, async (history, seed, beta) => {
          const { world, reads, writes } = await live(history, seed, beta)
          checkBounds(reads)
          checkFreshness(reads, writes)
          // Only a write that voids a lease, or a reader who insists on one, begins a second load.
          if (writes.length === 0) expect(Math.max(...KEYS.map(world.origin.mostOf))).toBeLessThanOrEqual(1)
        }),
        { numRuns },
      ),
  ],
  [
    'whatever is broken or slow, in whatever order: every read ends in bounded time and nothing dead is served',
    (numRuns) =>
      fc.assert(
        fc.asyncProperty(historyOf([...calm, ...trouble]), anySeed, anyBeta, async (history, seed, beta) => {
          checkBounds((await live(history, seed, beta)).reads)
        }),
        { numRuns },
      ),
  ],
  [
    'and once it is mended, all is as if nothing had been',
    (numRuns) =>
      fc.assert(
        fc.asyncProperty(historyOf([...calm, ...trouble]), historyOf(calm), anySeed, async (bad, good, seed) => {
          const { reads, writes, stepsAtMs } = await live([...bad, ...MENDED, ...good], seed, 1)
          const mendedAtMs = stepsAtMs[bad.length + MENDED.length] ?? Number.POSITIVE_INFINITY
          checkFreshness(
            reads.filter(({ begunAtMs }) => begunAtMs >= mendedAtMs),
            writes,
          )
        }),
        { numRuns },
      ),
  ],
]
