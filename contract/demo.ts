import * as z from 'zod'
import { idSchema } from './ids.ts'
import { profileSchema } from './post.ts'

/** The routes behind the reader page. They exist while developing only: `DEMO=on`, and asked for by a loopback name. */

/** `GET /demo`: whether the routes below are there. */
export const demoStateSchema = z.strictObject({ enabled: z.boolean() })

/** The most readers of one answer. */
export const MAX_DEMO_READERS = 24

/** Which readers: those whose handle begins with `query`, or who have that id; without it some who are worth a look. */
export const readersQuerySchema = z.strictObject({
  query: z
    .string()
    .max(64)
    .refine((text) => !text.includes('\u0000'), 'a handle has no U+0000')
    .default(''),
  /** Who asks, for `followed`. */
  viewer: idSchema.optional(),
})
export type ReadersQuery = z.infer<typeof readersQuerySchema>

const demoReaderSchema = profileSchema.extend({
  /** How many they follow. */
  following: z.int().nonnegative(),
  followers: z.int().nonnegative(),
  /** Their posts are pulled when somebody reads, not pushed. */
  crowded: z.boolean(),
  /** The viewer follows them; false where none is named. */
  followed: z.boolean(),
})
export const demoReadersSchema = z.strictObject({ readers: z.array(demoReaderSchema).max(MAX_DEMO_READERS) })
export type DemoReaders = z.infer<typeof demoReadersSchema>

/** A bearer token of a user, as the product would issue it. */
export const demoTokenSchema = z.strictObject({ token: z.string(), expires_at: z.iso.datetime() })
export type DemoToken = z.infer<typeof demoTokenSchema>

/** `POST /demo/crowd`: that many readers of one post at once, whose key is cold, in an isolate whose memory is empty. */
export const crowdRequestSchema = z.strictObject({
  post_id: idSchema,
  readers: z.int().min(1).max(500).default(200),
  /** False: without singleflight, lease, X-Fetch and bulkhead, to see what they are for. */
  protected: z.boolean().default(true),
})
export type CrowdRequest = z.infer<typeof crowdRequestSchema>

const progress = {
  readers: z.int(),
  answered: z.int(),
  failed: z.int(),
  /** Loads that named the post's key and arrived at the origin since the burst began, those it refused included. */
  origin_loads: z.int(),
  elapsed_ms: z.number(),
}
/** A line of the answer (`application/x-ndjson`). The last one is done and knows how long the answered readers waited; null where none was. */
export const crowdLineSchema = z.discriminatedUnion('done', [
  z.strictObject({ ...progress, done: z.literal(false) }),
  z.strictObject({ ...progress, done: z.literal(true), p50_ms: z.number().nullable(), p99_ms: z.number().nullable() }),
])
export type CrowdLine = z.infer<typeof crowdLineSchema>

/** What the worker asks the origin's own demo routes: make a post's key cold in L2, and count the loads that name it from then on. */
export const watchRequestSchema = z.strictObject({ post_id: idSchema })
export const watchSchema = z.strictObject({ watch: z.string().max(40) })
/** The answer to a watch: how many loads so far. */
export const watchedSchema = z.strictObject({ origin_loads: z.int().nonnegative() })
