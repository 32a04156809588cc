import { createHash } from 'node:crypto'
import { Redis } from '@upstash/redis'
import { expect } from 'vitest'
import {
  type Call,
  fillCall,
  type Invalidation,
  invalidateCall,
  leaseCall,
  parseBeat,
  parseFillReply,
  parseLeaseReply,
  pushCall,
  releaseCall,
  runScript,
  type Seen,
} from '../../contract/l2/calls.ts'
import { CLIENT_OPTIONS } from '../../contract/l2/client.ts'
import { decodeList, encodeList, type PackedEntry } from '../../contract/l2/codec.ts'
import { SCRIPTS, type Script } from '../../contract/l2/scripts.ts'
import { decodeValue, encodeValue, type Framed } from '../../contract/l2/value.ts'
import { createUpstashFacade } from '../../dev/upstash-facade.ts'
import { startRedis } from './redis.ts'

const TOKEN = 'test-l2-token'
export const PREFIX = 'test:'
/** The machine whose heartbeat the calls below raise. */
const BEAT_KEY = 'hb:1'
/** No story waits for this: where a lease is to end, it says so. */
const LEASE_MS = 600_000
const HOUR_MS = 3_600_000

type ScriptName = keyof typeof SCRIPTS
export type Scripts = Readonly<Record<ScriptName, Script>>

/** The scripts with pieces of their text replaced; throws where a piece is not there exactly once. */
export function scriptsWithout(rules: readonly (readonly [script: ScriptName, rule: string, instead: string])[]): Scripts {
  const scripts: Record<ScriptName, Script> = { ...SCRIPTS }
  for (const [name, rule, instead] of rules) {
    const parts = scripts[name].text.split(rule)
    expect(parts.length, `how often ${name} says ${rule}`).toBe(2)
    const text = parts.join(instead)
    scripts[name] = { name, text, sha: createHash('sha1').update(text).digest('hex') }
  }
  return scripts
}

/** A lease token: 22 characters, as the scripts expect. */
export const tokenOf = (loader: number): string => String(loader).padStart(22, 't')
/** The entry of the n-th post. */
export const entryOf = (n: number): PackedEntry => ({
  activityId: String(1_500_000_000_000_000_000n + BigInt(n)),
  actorId: '1100000000000000001',
  audience: 'public',
})
const numberOf = (entry: PackedEntry): number => Number(BigInt(entry.activityId) - 1_500_000_000_000_000_000n)

export type L2 = Awaited<ReturnType<typeof startL2>>
export type Protocol = ReturnType<L2['speak']>

/** A real Redis behind the façade, and the scripts' protocol spoken to it in terms of numbered posts. */
export async function startL2() {
  const redis = await startRedis()
  const facade = createUpstashFacade({ redisUrl: redis.url, token: TOKEN })
  const { url } = await facade.listen()
  const client = new Redis({
    url,
    token: TOKEN,
    ...CLIENT_OPTIONS,
    signal: () => AbortSignal.timeout(60_000),
  })
  const read = async (key: string): Promise<Framed | undefined> => {
    const text = await client.get<string>(PREFIX + key)
    return text === null ? undefined : decodeValue(text)
  }

  /** What the worker and the origin say, with these scripts. */
  function speak(scripts: Scripts = SCRIPTS) {
    const run = (name: ScriptName, call: Call): Promise<unknown> => runScript(client, { ...call, script: scripts[name] })
    const fillText = async (key: string, loader: number, value: Partial<Framed>) => {
      const ends = Date.now() + HOUR_MS
      const life = { softExpiresAtMs: ends, hardExpiresAtMs: ends, graceEndsAtMs: ends, deltaMs: 1 }
      const text = encodeValue({ ...life, truth: 1, stamp: 0, tailLength: 0, payload: null, ...value })
      const [filled] = parseFillReply(await run('fill', fillCall(PREFIX, [{ key, text, keepMs: HOUR_MS }], tokenOf(loader))), 1)
      return filled
    }
    return {
      run,
      /** Asks for the lease as a reader who saw nothing, unless told otherwise. */
      async lease(key: string, loader: number, seen: Partial<Seen> = {}, leaseMs = LEASE_MS) {
        const asked = { key, leastTruth: 0, beatsSoftEndMs: Date.now() + 2 * HOUR_MS, seenSoftEndMs: 0, seenStamp: 0, ...seen }
        const [answer] = parseLeaseReply(await run('lease', leaseCall(PREFIX, [asked], tokenOf(loader), leaseMs)), 1)
        return { state: answer?.state, value: answer?.text === undefined ? undefined : decodeValue(answer.text) }
      },
      /** Fills a list of these posts; undefined where it was refused. */
      fill: (key: string, loader: number, posts: readonly number[], value: Partial<Framed> = {}) =>
        fillText(key, loader, { payload: listOf(posts), ...value }),
      /** Fills a value that is no list, null for an absence. */
      fillText,
      async release(key: string, loader: number, restMs: number) {
        await run('release', releaseCall(PREFIX, [key], tokenOf(loader), restMs))
      },
      /** All in one call. */
      async push(key: string, ...posts: readonly number[]) {
        const pairs = posts.map((_, entry) => ({ key, entry }))
        parseBeat(await run('push', pushCall(PREFIX, posts.map(entryOf), pairs, BEAT_KEY)))
      },
      async invalidate(key: string, truth: number, replacement?: Invalidation['replacement']) {
        return parseBeat(await run('invalidate', invalidateCall(PREFIX, [{ key, truth, replacement }], BEAT_KEY)))
      },
    }
  }

  return {
    redis,
    facade,
    url,
    token: TOKEN,
    client,
    read,
    /** The posts a reader finds, oldest first; undefined for a miss or an absence. */
    posts: async (key: string) => postsIn(await read(key)),
    /** What happens to a lease or a value whose time is over, or which Redis evicts. */
    async expire(key: string): Promise<void> {
      await client.del(PREFIX + key)
    },
    speak,
    async stop() {
      await facade.close()
      await redis.stop()
    },
  }
}

/** The posts in a list, oldest first; undefined for a miss or an absence. */
export function postsIn(value: Framed | undefined): number[] | undefined {
  const list = value?.payload === undefined || value.payload === null ? undefined : decodeList(value.payload, 800)
  return list?.entries.map(numberOf).sort((a, b) => a - b)
}

/** A list as a load of the origin brings it, complete from the beginning. */
export const listOf = (posts: readonly number[]): string =>
  encodeList({ completeSince: '0', candidates: [], entries: [...posts].sort((a, b) => b - a).map(entryOf) })

/** A frozen tombstone of the given truth version. */
export function tombstone(truth: number): NonNullable<Invalidation['replacement']> {
  const ends = Date.now() + HOUR_MS
  const life = { softExpiresAtMs: ends, hardExpiresAtMs: ends, graceEndsAtMs: ends, deltaMs: 0 }
  return { text: encodeValue({ ...life, truth, stamp: 1, tailLength: 0, payload: 'x' }), keepMs: HOUR_MS }
}
