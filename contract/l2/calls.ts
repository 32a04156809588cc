import { encodePushed, type PackedEntry } from './codec.ts'
import { leaseKeyOf } from './keys.ts'
import { SCRIPTS, type Script } from './scripts.ts'
import { padMoment, padTruth } from './value.ts'

/** What can run a script: the Upstash client is one. Rejects on a command error. */
export interface ScriptRunner {
  evalsha(sha: string, keys: string[], args: string[]): Promise<unknown>
  eval(text: string, keys: string[], args: string[]): Promise<unknown>
}

/** A script with its keys and arguments. */
export interface Call {
  readonly script: Script
  readonly keys: readonly string[]
  readonly args: readonly string[]
}

/** Does a server not know the script (restarted, flushed)? Only how the error begins tells: the client appends the command, whose values may hold that very word. */
export const isUnknownScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT')

/** Runs a script by its hash; a server that does not know it is sent the text once. */
export async function runScript(redis: ScriptRunner, { script, keys, args }: Call): Promise<unknown> {
  try {
    return await redis.evalsha(script.sha, [...keys], [...args])
  } catch (error) {
    if (!isUnknownScript(error)) throw error
    return await redis.eval(script.text, [...keys], [...args])
  }
}

/** The longest life a value gets (milliseconds, 30 years): a cache may be told to keep something for ever. */
const MAX_LIFE_MS = 1e12
/** Whole milliseconds, at least one: Redis refuses any other life. */
const lifeOf = (ms: number): string => String(Math.min(Math.max(1, Math.round(ms)), MAX_LIFE_MS))

const paired = (prefix: string, keys: readonly string[]): string[] => keys.flatMap((key) => [prefix + key, prefix + leaseKeyOf(key)])

/** What a reader saw of a key before it asks for the lease. Moments are epoch milliseconds; 0 where it saw nothing. */
export interface Seen {
  readonly key: string
  /** The least truth version the reader accepts. */
  readonly leastTruth: number
  /** Only a value whose soft end lies later than this needs no load. */
  readonly beatsSoftEndMs: number
  readonly seenSoftEndMs: number
  readonly seenStamp: number
}

export const leaseCall = (prefix: string, seen: readonly Seen[], token: string, leaseMs: number): Call => ({
  script: SCRIPTS.lease,
  keys: paired(
    prefix,
    seen.map(({ key }) => key),
  ),
  args: [
    token,
    lifeOf(leaseMs),
    ...seen.flatMap((one) => [
      padTruth(one.leastTruth),
      padMoment(one.beatsSoftEndMs),
      padMoment(one.seenSoftEndMs),
      String(one.seenStamp).padStart(8, '0'),
    ]),
  ],
})

export const LEASE_STATES = ['refused', 'granted', 'fresher'] as const
export type LeaseState = (typeof LEASE_STATES)[number]

/** Parses what `lease` answers: per key its state, and the stored text where it differs from what was seen. */
export function parseLeaseReply(reply: unknown, count: number): { readonly state: LeaseState; readonly text: string | undefined }[] {
  const flat = arrayOf(reply, 2 * count)
  return Array.from({ length: count }, (_, i) => {
    const state = LEASE_STATES[integerOf(flat[2 * i])]
    if (state === undefined) throw new TypeError('lease answered an unknown state')
    return { state, text: textOf(flat[2 * i + 1]) }
  })
}

export const fillCall = (
  prefix: string,
  values: readonly { readonly key: string; readonly text: string; readonly keepMs: number }[],
  token: string,
): Call => ({
  script: SCRIPTS.fill,
  keys: paired(
    prefix,
    values.map(({ key }) => key),
  ),
  args: [token, ...values.flatMap(({ keepMs, text }) => [lifeOf(keepMs), text])],
})

/** Parses what `fill` answers: per key the new stamp and what was pushed meanwhile, or undefined where it was refused. */
export function parseFillReply(reply: unknown, count: number): ({ readonly stamp: number; readonly pushed: string } | undefined)[] {
  const flat = arrayOf(reply, 2 * count)
  return Array.from({ length: count }, (_, i) => {
    const stamp = integerOf(flat[2 * i])
    const pushed = textOf(flat[2 * i + 1]) ?? ''
    return stamp > 0 ? { stamp, pushed } : undefined
  })
}

/** Parses what MGET answers: per key its text, or undefined. */
export const parseTexts = (reply: unknown, count: number): (string | undefined)[] => arrayOf(reply, count).map(textOf)

/** Gives leases back whose load failed; the next one is granted after `restMs`. */
export const releaseCall = (prefix: string, keys: readonly string[], token: string, restMs: number): Call => ({
  script: SCRIPTS.release,
  keys: keys.map((key) => prefix + leaseKeyOf(key)),
  args: [token, lifeOf(restMs)],
})

/** At most this many keys travel in one push (each names its lease too). */
export const MAX_PUSHED_KEYS = 1_000

/** At most this many entries: their places are written in three digits. */
export const MAX_PUSHED_ENTRIES = 999

/** A push of entries to lists: each pair names a key and the place of its entry in `entries` (999 at most). */
export function pushCall(
  prefix: string,
  entries: readonly PackedEntry[],
  pairs: readonly { readonly key: string; readonly entry: number }[],
  beatKey: string,
): Call {
  if (entries.length > MAX_PUSHED_ENTRIES) throw new RangeError(`a push carries at most ${MAX_PUSHED_ENTRIES} entries`)
  return {
    script: SCRIPTS.push,
    keys: [
      ...paired(
        prefix,
        pairs.map(({ key }) => key),
      ),
      prefix + beatKey,
    ],
    args: [...entries.map(encodePushed), pairs.map(({ entry }) => String(entry + 1).padStart(3, '0')).join('')],
  }
}

/** A key whose cached value is no longer true: dropped, or replaced by a tombstone that lives `keepMs`. */
export interface Invalidation {
  readonly key: string
  readonly truth: number
  readonly replacement?: { readonly text: string; readonly keepMs: number } | undefined
}

/** With no invalidations this is a mere beat. */
export const invalidateCall = (prefix: string, invalidations: readonly Invalidation[], beatKey: string): Call => ({
  script: SCRIPTS.invalidate,
  keys: [
    ...paired(
      prefix,
      invalidations.map(({ key }) => key),
    ),
    prefix + beatKey,
  ],
  args: invalidations.flatMap(({ truth, replacement }) => [padTruth(truth), String(replacement?.keepMs ?? 0), replacement?.text ?? '']),
})

/** The heartbeat a writing script answers: how many writes of this process this Redis remembers. */
export function parseBeat(reply: unknown): number {
  const beat = integerOf(reply)
  if (beat < 1) throw new TypeError('a script answered no heartbeat')
  return beat
}

function arrayOf(reply: unknown, length: number): readonly unknown[] {
  if (!Array.isArray(reply) || reply.length !== length) throw new TypeError(`Redis answered something else than ${length} items`)
  return reply
}

function integerOf(item: unknown): number {
  if (typeof item !== 'number' || !Number.isSafeInteger(item)) throw new TypeError('Redis answered something else than an integer')
  return item
}

function textOf(item: unknown): string | undefined {
  if (typeof item !== 'string' && item !== null) throw new TypeError('Redis answered something else than a text')
  return item ?? undefined
}
