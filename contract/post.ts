import * as z from 'zod'
import { idSchema } from './ids.ts'

/** The longest post in Unicode code points. */
export const MAX_TEXT_LENGTH = 2_000

/** The longest name of a user in Unicode code points. */
export const MAX_NAME_LENGTH = 100

/** Text that people read. Postgres cannot store U+0000, and a lone surrogate does not survive UTF-8. */
const textOf = (field: string, maxLength: number) =>
  z
    .string()
    .refine((text) => text.trim().length > 0, `${field} must not be blank`)
    .refine((text) => [...text].length <= maxLength, `${field} has at most ${maxLength} characters`)
    .refine((text) => text.isWellFormed() && !text.includes('\u0000'), `${field} must be well-formed Unicode without U+0000`)
    .meta({ description: 'Not blank, well-formed Unicode without U+0000.', minLength: 1, maxLength })

/** What a client sends to create a post. Unknown fields are refused, so that a typo never passes for success. */
export const newPostSchema = z.strictObject({
  text: textOf('text', MAX_TEXT_LENGTH),
})
export type NewPost = z.infer<typeof newPostSchema>

/** A person as others see them. */
export const profileSchema = z.strictObject({
  id: idSchema,
  handle: z.string(),
  name: z.string(),
})
export type Profile = z.infer<typeof profileSchema>

/** A handle: how people and imported graphs name a user. */
export const handleSchema = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'a handle is 1 to 64 letters, digits, dots, dashes or underscores')
  .describe('1 to 64 letters, digits, dots, dashes or underscores; no two users share one.')

/** What a service sends to create or change a user. */
export const userInputSchema = z.strictObject({
  handle: handleSchema,
  name: textOf('name', MAX_NAME_LENGTH),
})
export type UserInput = z.infer<typeof userInputSchema>

/** A post as a reader sees it. */
export const postSchema = z.strictObject({
  id: idSchema,
  text: z.string(),
  created_at: z.iso.datetime(),
  author: profileSchema,
  activity_id: idSchema.describe('The activity that brought the post here: its own id, or that of a repost.'),
  reposted_by: profileSchema.optional().describe('Who reposted it, where a repost brought it.'),
})
export type Post = z.infer<typeof postSchema>

/** One page of a feed, newest first. */
export const pageSchema = z.strictObject({
  posts: z.array(postSchema),
  next_cursor: z.string().nullable().describe('Sent as `cursor` it brings the next page; null where the history really ends.'),
  gap: z
    .boolean()
    .describe('True when something above this page is no longer as it was when the scroll began: read from the top to see it.'),
})
export type Page = z.infer<typeof pageSchema>

export const MAX_PAGE_SIZE = 100
export const DEFAULT_PAGE_SIZE = 50

/** How many posts a reader may ask for at once. */
export const pageSizeSchema = z.int().min(1).max(MAX_PAGE_SIZE).default(DEFAULT_PAGE_SIZE)

/** The answer to a write that made an activity. */
export const activitySchema = z.strictObject({
  id: idSchema,
  author_id: idSchema,
  created_at: z.iso.datetime(),
  root_id: idSchema.optional().describe('The post that a repost shows.'),
  text: z.string().optional().describe('What a post says.'),
})
export type Activity = z.infer<typeof activitySchema>

/** The answer to a follow or an unfollow: how it is now. */
export const followingSchema = z.strictObject({ following: z.boolean() })
export type Following = z.infer<typeof followingSchema>
