import * as z from 'zod'
import { idSchema } from './ids.ts'
import { type SigningKey, seal, unseal } from './signed.ts'

/**
 * A position in a scroll. Self-contained: no server remembers it, and it never expires (an old one goes on by time,
 * since ids sort by time).
 */
const cursorSchema = z.strictObject({
  /** Version of this format. */
  v: z.literal(1),
  /** The last activity id that was shown; the next page starts below it. */
  last: idSchema,
  /** The newest activity id of page one. Folding looks no further up, so that what was shown stays shown. */
  anchor: idSchema,
  /** Checksum of the activity ids between `last` and `anchor`: when it no longer matches, something arrived late. */
  sum: z.int().nonnegative(),
})
export type Cursor = Readonly<Omit<z.infer<typeof cursorSchema>, 'v'>>

const purpose = (feed: string, viewerId: string): string => `cursor:${feed}:${viewerId}`

/** Encodes a cursor that only this viewer can use on this feed. */
export const encodeCursor = (key: SigningKey, feed: string, viewerId: string, cursor: Cursor): Promise<string> =>
  seal(key, purpose(feed, viewerId), JSON.stringify({ v: 1, ...cursor }))

/** The cursor in `text`, or undefined when it is truncated, forged, or of another feed or viewer. */
export async function decodeCursor(key: SigningKey, feed: string, viewerId: string, text: string): Promise<Cursor | undefined> {
  const payload = await unseal(key, purpose(feed, viewerId), text)
  if (payload === undefined) return undefined
  const parsed = cursorSchema.safeParse(JSON.parse(payload))
  return parsed.success ? { last: parsed.data.last, anchor: parsed.data.anchor, sum: parsed.data.sum } : undefined
}
