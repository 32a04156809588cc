import fc from 'fast-check'
import { MAX_RECORDED, MAX_TAIL, SCRIPTS } from '../../../contract/l2/scripts.ts'
import { encodeValue, FRAME, FRAME_LENGTH, FRAME_VERSION, padMoment, padTruth } from '../../../contract/l2/value.ts'
import { plainScript } from '../../../dev/redis-commander.ts'
import type { Bytes } from '../../../dev/redis-stand-in/reply.ts'

const TOKENS = ['A'.repeat(22), 'B'.repeat(22), 'short']
const VALUES = ['tl:1', 'tl:2', 'au:3']
const leaseOf = (key: string) => `ls:${key}`

const anyPair = fc.constantFrom(...VALUES)
const pairs = fc.uniqueArray(anyPair, { minLength: 1, maxLength: 3 })
const anyToken = fc.constantFrom(...TOKENS)
const anyTruth = fc.constantFrom(0, 1, 2, 3)
const anyLife = fc.constantFrom('150000', '950000', '0', '-1', 'x', '')
const anyTail = fc.constantFrom(0, 1, MAX_TAIL - 1, MAX_TAIL, MAX_TAIL + 1, 2 * MAX_TAIL - 1, 2 * MAX_TAIL, 2 * MAX_TAIL + 1)
const anyFrame = fc
  .tuple(anyTruth, anyTail, fc.constantFrom(0, 5, 99_999_999), fc.constantFrom('', 'one', '\xff\0', null))
  .map(([truth, tailLength, stamp, payload]) =>
    encodeValue({
      softExpiresAtMs: 1_000 + truth,
      hardExpiresAtMs: 2_000,
      graceEndsAtMs: 3_000,
      deltaMs: 7,
      truth,
      stamp,
      tailLength,
      payload,
    }),
  )
const marked = (frame: string) => `${frame.slice(0, FRAME.leased[0] - 1)}1${frame.slice(FRAME.leased[1])}`
const anyText = fc.oneof(
  { arbitrary: anyFrame, weight: 3 },
  { arbitrary: anyFrame.map(marked), weight: 2 },
  fc.constantFrom('', 'garbage', FRAME_VERSION.repeat(FRAME_LENGTH), ' '.repeat(80)),
)
const anyLease = fc
  .tuple(
    anyToken,
    fc.constantFrom('00', '01', String(MAX_RECORDED - 1), String(MAX_RECORDED), 'XX', '', 'no'),
    fc.constantFrom('', 'pushed'),
  )
  .map((parts) => parts.join(''))

/** EVAL of one of ours, as the façade sends it. */
const run = (name: keyof typeof SCRIPTS, keys: readonly string[], args: readonly Bytes[]): readonly Bytes[] => [
  'EVAL',
  plainScript(SCRIPTS[name].text),
  String(keys.length),
  ...keys,
  ...args,
]
const withLeases = (keys: readonly string[]) => keys.flatMap((key) => [key, leaseOf(key)])
/** The same number of `one` as there are keys, and now and then not. */
const perKey = <T>(keys: readonly string[], one: fc.Arbitrary<readonly T[]>) =>
  fc
    .oneof({ arbitrary: fc.array(one, { minLength: keys.length, maxLength: keys.length }), weight: 9 }, fc.array(one, { maxLength: 3 }))
    .map((all) => all.flat())

const lease = pairs.chain((keys) =>
  fc
    .tuple(
      anyToken,
      anyLife,
      perKey(
        keys,
        fc.tuple(
          anyTruth.map(padTruth),
          anyTruth.map((t) => padMoment(1_000 + t)),
          anyTruth.map((t) => padMoment(1_000 + t)),
          fc.constantFrom('00000000', '00000005'),
        ),
      ),
    )
    .map(([token, life, seen]) => run('lease', withLeases(keys), [token, life, ...seen])),
)
const fill = pairs.chain((keys) =>
  fc.tuple(anyToken, perKey(keys, fc.tuple(anyLife, anyText))).map(([token, values]) => run('fill', withLeases(keys), [token, ...values])),
)
const push = pairs.chain((keys) =>
  fc
    .tuple(fc.constantFrom('entry', '', '\xff'), fc.constantFrom('001', '001', '001', '002', 'xyz'))
    .map(([entry, index]) => run('push', [...withLeases(keys), 'hb:1'], [entry, index.repeat(keys.length)])),
)
const invalidate = pairs.chain((keys) =>
  perKey(keys, fc.tuple(anyTruth.map(padTruth), anyLife, fc.oneof(fc.constant(''), anyText))).map((args) =>
    run('invalidate', [...withLeases(keys), 'hb:1'], args),
  ),
)
const release = pairs.chain((keys) => fc.tuple(anyToken, anyLife).map((args) => run('release', keys.map(leaseOf), args)))
const store = fc.tuple(anyPair, anyText).map(([key, text]) => ['SET', key, text, 'PX', '950000'])
const hold = fc.tuple(anyPair, anyLease).map(([key, text]) => ['SET', leaseOf(key), text, 'PX', '950000'])

/** Our five scripts on values and leases of every kind, up to their caps and beyond, with arguments that fit and that do not. */
export const anyScriptRun: fc.Arbitrary<readonly Bytes[]> = fc.oneof(lease, fill, push, push, invalidate, release, store, store, hold)
