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
  /** The last activity id that was considered; the next page starts below it. */
  last: idSchema,
  /** The newest activity id of page one. Folding looks no further up, so that what was shown stays shown. */
  anchor: idSchema,
  /** Checksum of the activity ids between `until` and `anchor`: when it no longer matches, something arrived late. 0 where there is none. */
  sum: z.int().nonnegative(),
  /** Where the checksum ends, where that is above `last`: the caches reached no further down. */
  until: idSchema.optional(),
})
export type Cursor = Readonly<Omit<z.infer<typeof cursorSchema>, 'v'>>

/** A stretch of a scroll that its reader has not been shown: what is below `below` and above `above`, folded up to `anchor`. */
const gapSchema = z.strictObject({ v: z.literal(1), below: idSchema, above: idSchema, anchor: idSchema })
export type Gap = Readonly<Omit<z.infer<typeof gapSchema>, 'v'>>

/** What is sealed for one use is of none to another. */
type Use = 'cursor' | 'gap'

const purpose = (use: Use, feed: string, viewerId: string): string => `${use}:${feed}:${viewerId}`

/** A kind of cursor: a position or a stretch that only this viewer can use, on this feed. */
function sealed<T extends { readonly v: 1 }>(use: Use, schema: z.ZodType<T>) {
  return {
    encode: (key: SigningKey, feed: string, viewerId: string, value: Omit<T, 'v'>): Promise<string> =>
      seal(key, purpose(use, feed, viewerId), JSON.stringify({ v: 1, ...value })),
    /** What is in `text`, or undefined when it is truncated, forged, or of another use, feed or viewer. */
    async decode(key: SigningKey, feed: string, viewerId: string, text: string): Promise<Readonly<Omit<T, 'v'>> | undefined> {
      const payload = await unseal(key, purpose(use, feed, viewerId), text)
      const parsed = payload === undefined ? undefined : schema.safeParse(JSON.parse(payload))
      if (!parsed?.success) return undefined
      const { v: _, ...value } = parsed.data
      return value
    },
  }
}

/** `next_cursor`, where a scroll goes on, and `top_cursor`, what was seen of the top: on a first page both are the same. */
export const { encode: encodeCursor, decode: decodeCursor } = sealed('cursor', cursorSchema)
/** `gap_cursor`: what of a gap is left to be shown. */
export const { encode: encodeGap, decode: decodeGap } = sealed('gap', gapSchema)
