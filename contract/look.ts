import * as z from 'zod'
import { idSchema } from './ids.ts'
import { sha256Hex } from './signed.ts'

/**
 * What an isolate would answer for keys at this moment, without loading anything: the consistency monitor of the origin asks it, signed like all
 * between the two sides (`contract/signature.ts`).
 */
export const LOOK_PATH = '/internal/look'

/** The most keys of one look. */
export const MAX_LOOK_KEYS = 100
/** Of a list no more than so many of the newest are told. */
export const MAX_LOOK_ENTRIES = 100

export const lookRequestSchema = z.strictObject({ keys: z.array(z.string().max(120)).min(1).max(MAX_LOOK_KEYS) })

/** A list above `since`, which is raised where only the newest are told. */
const listSchema = z.strictObject({
  since: z.string(),
  entries: z.array(z.strictObject({ activityId: idSchema, actorId: idSchema })).max(MAX_LOOK_ENTRIES),
})

/** What would be answered for a key. `none`: nothing without a load. */
export const lookedSchema = z.strictObject({
  key: z.string(),
  layer: z.enum(['memory', 'shared', 'none']),
  truth: z.int().nonnegative(),
  /** Milliseconds since it was read from L2, verified with it, or loaded. */
  ageMs: z.number(),
  /** Of what it says (`contract/l2/meaning.ts`), so that no content leaves the edge; null for a list. */
  digest: z.string().nullable(),
  list: listSchema.nullable(),
})
export const lookResponseSchema = z.strictObject({ values: z.array(lookedSchema) })
export type EdgeLooked = z.infer<typeof lookedSchema>

/** The digest of a meaning. */
export const digestOf = (meaning: string): Promise<string> => sha256Hex(new TextEncoder().encode(meaning))
