import { Redis } from '@upstash/redis'
import {
  fillCall,
  invalidateCall,
  leaseCall,
  parseBeat,
  parseFillReply,
  parseLeaseReply,
  releaseCall,
  runScript,
} from '../../contract/l2/calls.ts'
import { CLIENT_OPTIONS } from '../../contract/l2/client.ts'
import { EDGE_BEAT_KEY } from '../../contract/l2/keys.ts'
import { decodeValue, encodeValue } from '../../contract/l2/value.ts'
import type { Stored } from '../cache/entry.ts'
import type { SharedTier } from '../cache/ports.ts'

interface Options {
  readonly url: string
  readonly token: string
  /** In front of every key of this deployment. */
  readonly prefix: string
  /** Each call is given up after this (milliseconds). */
  readonly deadlineMs: number
  readonly timeoutSignal: (ms: number) => AbortSignal
  readonly clock: { nowMs(): number }
}

/** L2 over Upstash's REST dialect: reads by one MGET, the rest by the scripts of `contract/l2`. */
export function createRedisTier({ url, token, prefix, deadlineMs, timeoutSignal, clock }: Options): SharedTier {
  const redis = new Redis({
    url,
    token,
    ...CLIENT_OPTIONS,
    signal: () => timeoutSignal(deadlineMs),
  })
  return {
    deadlineMs,
    async read(keys) {
      const reply: unknown = await redis.mget(keys.map((key) => prefix + key))
      if (!Array.isArray(reply) || reply.length !== keys.length) throw new TypeError('MGET answered something else than the keys asked for')
      return reply.map((text) => (typeof text === 'string' ? toStored(text) : undefined))
    },
    async lease(wanted, leaseToken, leaseMs) {
      const reply = await runScript(redis, leaseCall(prefix, wanted, leaseToken, leaseMs))
      return parseLeaseReply(reply, wanted.length).map(({ state, text }) => ({
        state,
        stored: text === undefined ? undefined : toStored(text),
      }))
    },
    async release(keys, leaseToken, restMs) {
      await runScript(redis, releaseCall(prefix, keys, leaseToken, restMs))
    },
    async fill(values, leaseToken) {
      const texts = values.map(({ key, stored }) => ({
        key,
        text: encodeValue({ ...stored.life, truth: stored.truth, stamp: 0, tailLength: 0, payload: stored.payload }),
        keepMs: stored.life.graceEndsAtMs - clock.nowMs(),
      }))
      return parseFillReply(await runScript(redis, fillCall(prefix, texts, leaseToken)), values.length)
    },
    async invalidate(invalidations) {
      parseBeat(await runScript(redis, invalidateCall(prefix, invalidations, EDGE_BEAT_KEY)))
    },
  }
}

function toStored(text: string): Stored | undefined {
  const framed = decodeValue(text)
  if (!framed) return undefined
  const { softExpiresAtMs, hardExpiresAtMs, graceEndsAtMs, deltaMs, truth, stamp, payload } = framed
  return { life: { softExpiresAtMs, hardExpiresAtMs, graceEndsAtMs, deltaMs }, truth, stamp, payload }
}
