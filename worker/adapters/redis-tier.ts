import { Redis } from '@upstash/redis'
import {
  type Call,
  fillCall,
  invalidateCall,
  leaseCall,
  parseBeat,
  parseFillReply,
  parseLeaseReply,
  parseTexts,
  releaseCall,
  runScript,
  type ScriptRunner,
} from '../../contract/l2/calls.ts'
import { CLIENT_OPTIONS } from '../../contract/l2/client.ts'
import { EDGE_BEAT_KEY } from '../../contract/l2/keys.ts'
import { decodeValue, encodeValue } from '../../contract/l2/value.ts'
import type { Stored } from '../cache/entry.ts'
import type { SharedTier } from '../cache/ports.ts'

interface TierOptions {
  /** In front of every key of this deployment. */
  readonly prefix: string
  /** Each call is given up after this (milliseconds). */
  readonly deadlineMs: number
  readonly clock: { nowMs(): number }
}

interface Options extends TierOptions {
  readonly url: string
  readonly token: string
  readonly timeoutSignal: (ms: number) => AbortSignal
}

/** What of Redis the tier uses. Each call is given up after the tier's deadline, and rejects then. */
export interface RedisCommands extends ScriptRunner {
  mget(keys: string[]): Promise<unknown>
}

/** Keys in one call: a script of that many pairs holds its primary up for a few milliseconds. A page of the feed has some hundred. */
const MAX_KEYS = 1_000
/** Characters in one fill: four bytes each stay below the 10 MB that Upstash takes. */
const MAX_FILL_LENGTH = 2_000_000

/** L2 over Upstash's REST dialect. */
export function createRedisTier({ url, token, timeoutSignal, ...options }: Options): SharedTier {
  const signal = () => timeoutSignal(options.deadlineMs)
  return createTierOver(new Redis({ url, token, ...CLIENT_OPTIONS, signal }), options)
}

/**
 * L2 over any client: reads by one MGET, the rest by the scripts of `contract/l2`. A larger batch is cut, and its parts travel at once.
 * Rejects with a plain `Error` that names neither keys nor values.
 */
export function createTierOver(redis: RedisCommands, { prefix, deadlineMs, clock }: TierOptions): SharedTier {
  const run = (call: Call): Promise<unknown> => runScript(redis, call)
  /** A value that Upstash would not take is a refused fill, not an illness of Redis. */
  async function tooLarge(key: string, leaseToken: string): Promise<[undefined]> {
    await run(releaseCall(prefix, [key], leaseToken, 1))
    return [undefined]
  }
  return {
    deadlineMs,
    read: (keys) =>
      inParts(keys, MAX_KEYS, one, async (part) => {
        const reply: unknown = await redis.mget(part.map((key) => prefix + key))
        return parseTexts(reply, part.length).map(toStored)
      }),
    lease: (wanted, leaseToken, leaseMs) =>
      inParts(wanted, MAX_KEYS, one, async (part) => {
        const reply = await run(leaseCall(prefix, part, leaseToken, leaseMs))
        return parseLeaseReply(reply, part.length).map(({ state, text }) => ({ state, stored: toStored(text) }))
      }),
    async release(keys, leaseToken, restMs) {
      await inParts(keys, MAX_KEYS, one, async (part) => {
        await run(releaseCall(prefix, part, leaseToken, restMs))
        return []
      })
    },
    fill(values, leaseToken) {
      const texts = values.map(({ key, stored }) => ({
        key,
        text: encodeValue({ ...stored.life, truth: stored.truth, stamp: 0, tailLength: 0, payload: stored.payload }),
        keepMs: stored.life.graceEndsAtMs - clock.nowMs(),
      }))
      return inParts(
        texts,
        MAX_FILL_LENGTH,
        ({ text }) => Math.max(text.length, MAX_FILL_LENGTH / MAX_KEYS),
        async (part) => {
          const [first] = part
          if (first && first.text.length > MAX_FILL_LENGTH) return tooLarge(first.key, leaseToken)
          return parseFillReply(await run(fillCall(prefix, part, leaseToken)), part.length)
        },
      )
    },
    async invalidate(invalidations) {
      await inParts(invalidations, MAX_KEYS, one, async (part) => [parseBeat(await run(invalidateCall(prefix, part, EDGE_BEAT_KEY)))])
    },
  }
}

const one = (): number => 1

/** Does a batch in parts that weigh no more than `maxWeight` each, all at once; what is heavier by itself is a part of its own. */
async function inParts<T, R>(
  items: readonly T[],
  maxWeight: number,
  weightOf: (item: T) => number,
  work: (part: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const parts: T[][] = []
  let room = 0
  for (const item of items) {
    room -= weightOf(item)
    const part = parts.at(-1)
    if (part && room >= 0) part.push(item)
    else {
      parts.push([item])
      room = maxWeight - weightOf(item)
    }
  }
  try {
    return (await Promise.all(parts.map(work))).flat()
  } catch (error) {
    throw plain(error)
  }
}

/**
 * The first clause of what went wrong: `ERR max requests limit exceeded`, `WRONGPASS invalid or missing auth token`. The client's own error goes
 * on with the whole command, or with the body that it could not read.
 */
function plain(error: unknown): Error {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  const failure = new Error(/^[^"'`:,.\n<{[]{0,100}/.exec(message)?.[0].trim())
  failure.name = name
  return failure
}

function toStored(text: string | undefined): Stored | undefined {
  const framed = text === undefined ? undefined : decodeValue(text)
  if (!framed) return undefined
  const { softExpiresAtMs, hardExpiresAtMs, graceEndsAtMs, deltaMs, truth, stamp, payload } = framed
  return { life: { softExpiresAtMs, hardExpiresAtMs, graceEndsAtMs, deltaMs }, truth, stamp, payload }
}
