import * as z from 'zod'
import { idSchema } from './ids.ts'

/**
 * Who may see a post: everybody, or only those who follow its author. Every key of a post or an author's list names one. A post's audience is
 * `followers` when it was written so, or while its author's account is private.
 */
export const audienceSchema = z.enum(['public', 'followers'])
export type Audience = z.infer<typeof audienceSchema>

/**
 * One line of a timeline, before hydration: which activity, who brought it, and for a repost the post it shows.
 * It says enough to be filtered and folded without reading the post.
 */
export const entrySchema = z.strictObject({
  activityId: idSchema,
  actorId: idSchema,
  /** Of the activity, when this was written: which key to ask first. What the keys say counts. */
  audience: audienceSchema,
  root: z.strictObject({ id: idSchema, authorId: idSchema }).optional(),
})
export type Entry = Readonly<z.infer<typeof entrySchema>>

/** The post an entry shows: the root of a repost, otherwise the activity itself. */
export const rootIdOf = (entry: Entry): string => entry.root?.id ?? entry.activityId

/** Who wrote the post an entry shows. */
export const rootAuthorOf = (entry: Entry): string => entry.root?.authorId ?? entry.actorId
