import * as z from 'zod'
import { idSchema } from './ids.ts'

/** Who may see a post. Every key of a post or an author's list names one; `followers` comes with private accounts. */
export const audienceSchema = z.enum(['public'])
export type Audience = z.infer<typeof audienceSchema>

/**
 * One line of a timeline, before hydration: which activity, who brought it, and for a repost the post it shows.
 * It says enough to be filtered and folded without reading the post.
 */
export const entrySchema = z.strictObject({
  activityId: idSchema,
  actorId: idSchema,
  audience: audienceSchema,
  root: z.strictObject({ id: idSchema, authorId: idSchema }).optional(),
})
export type Entry = Readonly<z.infer<typeof entrySchema>>

/** The post an entry shows: the root of a repost, otherwise the activity itself. */
export const rootIdOf = (entry: Entry): string => entry.root?.id ?? entry.activityId

/** Who wrote the post an entry shows. */
export const rootAuthorOf = (entry: Entry): string => entry.root?.authorId ?? entry.actorId
