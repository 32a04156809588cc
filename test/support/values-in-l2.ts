import { decodeList } from '../../contract/l2/codec.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { TIMELINE_CAP } from '../../contract/timeline.ts'
import { createRedisTier } from '../../worker/adapters/redis-tier.ts'
import type { Stack } from './stack.ts'

/** What L2 holds under these keys, as a worker reads it. */
export async function valuesInL2(stack: Stack, keys: readonly string[]): Promise<(string | null | undefined)[]> {
  const timeoutSignal = (ms: number) => AbortSignal.timeout(ms)
  const options = { url: stack.l2Url, token: stack.l2Token, prefix: 'tideline:', deadlineMs: 20_000, timeoutSignal }
  const tier = createRedisTier({ ...options, clock: { nowMs: () => Date.now() } })
  return (await tier.read(keys)).map((value) => value?.payload)
}

/** What L2 holds of these readers' timelines, newest first; undefined where nothing is present. */
export async function timelinesInL2(stack: Stack, readerIds: readonly string[]): Promise<(string[] | undefined)[]> {
  const payloads = await valuesInL2(stack, readerIds.map(keyOf.timeline))
  return payloads.map((payload) => decodeList(payload ?? '', TIMELINE_CAP)?.entries.map(({ activityId }) => activityId))
}
