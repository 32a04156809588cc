import { createClient } from 'redis'
import { firstIdAt } from '../../contract/ids.ts'
import { decodeList, encodeList } from '../../contract/l2/codec.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { decodeValue, encodeValue } from '../../contract/l2/value.ts'
import { TIMELINE_CAP } from '../../contract/timeline.ts'

export const PREFIX = 'tideline:'
const DAY_MS = 86_400_000
/** Of one call. */
const KEYS = 1_000

/** Puts a timeline of 800 entries of each viewer into L2, as a fill leaves it. Answers how many. */
export async function fillL2(redisUrl: string, viewers: readonly bigint[], authors: readonly bigint[]): Promise<number> {
  const newest = firstIdAt(Date.now())
  const payload = encodeList({
    completeSince: String(newest - (BigInt(40 * DAY_MS) << 22n)),
    candidates: [],
    entries: Array.from({ length: TIMELINE_CAP }, (_, i) => ({
      activityId: String(newest - (BigInt(i * 137_000) << 22n)),
      actorId: String(authors[(i * i) % authors.length]),
      audience: 'public' as const,
    })),
  })
  const endsAtMs = Date.now() + DAY_MS
  const text = encodeValue({
    softExpiresAtMs: endsAtMs,
    hardExpiresAtMs: endsAtMs,
    graceEndsAtMs: endsAtMs,
    deltaMs: 0,
    truth: 1,
    stamp: 1,
    tailLength: 0,
    payload,
  })
  const client = createClient({ url: redisUrl }).on('error', () => {})
  await client.connect()
  try {
    for (let at = 0; at < viewers.length; at += KEYS) {
      const keys = viewers.slice(at, at + KEYS).map((id) => `${PREFIX}${keyOf.timeline(String(id))}`)
      await client.eval("for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1]) end", { keys, arguments: [text] })
    }
  } finally {
    client.destroy()
  }
  return viewers.length
}

/** The activities that L2 holds of each of these timelines; undefined where none is present. */
export async function readL2(redisUrl: string, viewers: readonly bigint[]): Promise<(ReadonlySet<string> | undefined)[]> {
  const client = createClient({ url: redisUrl }).on('error', () => {})
  await client.connect()
  try {
    const found: (ReadonlySet<string> | undefined)[] = []
    for (let at = 0; at < viewers.length; at += KEYS) {
      const texts = await client.mGet(viewers.slice(at, at + KEYS).map((id) => `${PREFIX}${keyOf.timeline(String(id))}`))
      for (const text of texts) {
        const list = decodeList(decodeValue(text ?? '')?.payload ?? '', 2 * TIMELINE_CAP)
        found.push(list && new Set(list.entries.map(({ activityId }) => activityId)))
      }
    }
    return found
  } finally {
    client.destroy()
  }
}
