import { Redis } from '@upstash/redis'
import { invalidateCall, isUnknownScript, parseBeat, runScript } from '../../contract/l2/calls.ts'
import { CLIENT_OPTIONS } from '../../contract/l2/client.ts'
import { beatKeyOf, isBeatKey, leaseKeyOf } from '../../contract/l2/keys.ts'
import { SCRIPTS } from '../../contract/l2/scripts.ts'
import type { L2Port } from '../fanout/l2-port.ts'
import { createPoster, type L2Address } from './l2-post.ts'
import { pushBody } from './push-body.ts'

export interface L2Options extends L2Address {
  /** In front of every key of this deployment. */
  readonly prefix: string
}

/** Keys removed per UNLINK, and asked of SCAN at a time. */
const SCAN_COUNT = 1_000

/** The client of Upstash's REST dialect as the origin uses it. */
export const clientOf = ({ url, token, deadlineMs, timeoutSignal }: L2Address): Redis =>
  new Redis({ url, token, ...CLIENT_OPTIONS, signal: () => timeoutSignal(deadlineMs) })

/** L2 over Upstash's REST dialect. No hidden retries: a call that fails is a debt, and debts are paid in the open. */
export function createL2(options: L2Options): L2Port {
  const { prefix } = options
  const redis = clientOf(options)
  const post = createPoster(options)

  async function unlinkAll(pattern: string): Promise<void> {
    let cursor = '0'
    do {
      const [next, keys] = await redis.scan(cursor, { match: pattern, count: SCAN_COUNT })
      cursor = String(next)
      // A heartbeat that was removed would read as another loss, and the recovery from that would remove the next one.
      const dropped = keys.filter((key) => !isBeatKey(key.slice(prefix.length)))
      if (dropped.length > 0) await redis.unlink(...dropped)
    } while (cursor !== '0')
  }

  return {
    async push(entries, deliveries, machineId) {
      const { sha, text } = SCRIPTS.push
      const bodyOf = (command: string, script: string) => pushBody([command, script], prefix, entries, deliveries, beatKeyOf(machineId))
      try {
        return parseBeat(await post(bodyOf('evalsha', sha)))
      } catch (error) {
        if (!isUnknownScript(error)) throw error
        return parseBeat(await post(bodyOf('eval', text)))
      }
    },
    invalidate: async (invalidations, machineId) =>
      parseBeat(await runScript(redis, invalidateCall(prefix, invalidations, beatKeyOf(machineId)))),
    async beats(machineIds) {
      if (machineIds.length === 0) return []
      const counts = await redis.mget<(string | null)[]>(machineIds.map((machineId) => prefix + beatKeyOf(machineId)))
      return counts.map(Number)
    },
    async empty(start) {
      // Leases first: a fill whose lease is gone cannot put back what is removed next.
      await unlinkAll(`${prefix}${leaseKeyOf(start)}*`)
      await unlinkAll(`${prefix}${start}*`)
    },
  }
}
