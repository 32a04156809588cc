import * as z from 'zod'
import { entrySchema } from './entry.ts'
import { idSchema } from './ids.ts'

/** What the worker asks the origin. Every request is signed (`contract/signature.ts`). */

/** The most keys of one load; a turn that misses more, which is rare, asks in several. */
export const MAX_LOAD_KEYS = 1_000

/** All keys one turn of a read misses, in one round trip. */
export const loadRequestSchema = z.strictObject({ keys: z.array(z.string().max(120)).min(1).max(MAX_LOAD_KEYS) })

/** One loaded value: its payload as text in the codec of `contract/l2`, or null where there is nothing (remembered too). */
export const loadedSchema = z.strictObject({
  key: z.string(),
  /** Truth version: a counter on the one row that owns the key. */
  truth: z.int().nonnegative(),
  payload: z.string().nullable(),
})
export const loadResponseSchema = z.strictObject({ values: z.array(loadedSchema) })

/** The scroll beside what the caches hold: the viewer's feed straight from the posts, filtered and folded up to `anchor`. */
export const olderRequestSchema = z.strictObject({
  viewerId: idSchema,
  below: idSchema,
  above: idSchema.optional(),
  anchor: idSchema,
  limit: z.int().min(1).max(200),
})
/** The same for one author's own list: what everybody may see, or what this viewer may. */
export const olderOfAuthorRequestSchema = z.strictObject({
  authorId: idSchema,
  viewerId: idSchema.optional(),
  below: idSchema,
  limit: z.int().min(1).max(200),
})
export const olderResponseSchema = z.strictObject({
  /** Newest first. `older`: of a repost, the older ones of its root that the viewer may see too. */
  entries: z.array(entrySchema.extend({ older: z.array(entrySchema).optional() })),
  /** There are fewer than `limit`, because nothing below this id was looked at yet. */
  reached: idSchema.optional(),
})

/** Which of these posts, older than `my:` knows, the viewer liked and reposted. */
export const marksRequestSchema = z.strictObject({ viewerId: idSchema, postIds: z.array(idSchema).min(1).max(100) })
export const marksResponseSchema = z.strictObject({ liked: z.array(idSchema), reposted: z.array(idSchema) })
