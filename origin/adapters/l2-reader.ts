import { Redis } from '@upstash/redis'
import { parseTexts } from '../../contract/l2/calls.ts'
import { CLIENT_OPTIONS } from '../../contract/l2/client.ts'
import type { ReadTexts } from '../monitor/answers.ts'

interface Options {
  readonly url: string
  readonly token: string
  readonly prefix: string
  readonly deadlineMs: number
  readonly timeoutSignal: (ms: number) => AbortSignal
}

/** Reads L2 as edges do, for those who compare it with the truth. */
export function createL2Reader({ url, token, prefix, deadlineMs, timeoutSignal }: Options): ReadTexts {
  const redis = new Redis({ url, token, ...CLIENT_OPTIONS, signal: () => timeoutSignal(deadlineMs) })
  return async (keys) => (keys.length === 0 ? [] : parseTexts(await redis.mget(keys.map((key) => prefix + key)), keys.length))
}
