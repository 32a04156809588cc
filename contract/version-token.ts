import * as z from 'zod'
import { type SigningKey, seal, unseal } from './signed.ts'

/** Cache keys with the truth version a reader insists on: a cached value below it is a miss (read your writes). */
export type Raised = Readonly<Record<string, number>>

const raisedSchema = z.record(z.string().max(80), z.int().positive())
const tokenSchema = z.strictObject({ v: z.literal(1), exp: z.int(), raised: raisedSchema })

/** A token older than this is ignored: by then every cache has caught up by itself (milliseconds). */
const TOKEN_LIFE_MS = 5 * 60_000
/** The newest writes that a token carries. An older write is then seen like anybody else's, within 5 s. */
const MAX_KEYS = 24

const purpose = (viewerId: string): string => `version:${viewerId}`

/** Parses what the origin says a write raised. */
export const parseRaised = (json: string): Raised => raisedSchema.parse(JSON.parse(json))

/** Joins what the client knew with what its write raised; the newest keys win the room there is. */
export function joinRaised(known: Raised, raised: Raised): Raised {
  const joined = Object.entries({ ...known, ...raised }).map(([key, version]) => [key, Math.max(version, known[key] ?? 0)] as const)
  const ofThisWrite = ([key]: readonly [string, number]) => (key in raised ? 0 : 1)
  return Object.fromEntries(joined.sort((a, b) => ofThisWrite(a) - ofThisWrite(b)).slice(0, MAX_KEYS))
}

export const encodeVersionToken = (key: SigningKey, viewerId: string, raised: Raised, nowMs: number): Promise<string> =>
  seal(key, purpose(viewerId), JSON.stringify({ v: 1, exp: nowMs + TOKEN_LIFE_MS, raised }))

/** What a token insists on. A token that is forged, stale or another viewer's insists on nothing: it can only cost freshness. */
export async function decodeVersionToken(key: SigningKey, viewerId: string, text: string, nowMs: number): Promise<Raised> {
  const payload = await unseal(key, purpose(viewerId), text)
  const parsed = payload === undefined ? undefined : tokenSchema.safeParse(JSON.parse(payload))
  return parsed?.success && parsed.data.exp > nowMs ? parsed.data.raised : {}
}
