import * as z from 'zod'
import { idSchema } from './ids.ts'

/** The longest post in Unicode code points. */
export const MAX_TEXT_LENGTH = 2_000

/** What a client sends to create a post. Unknown fields are refused, so that a typo never passes for success. */
export const newPostSchema = z.strictObject({
  text: z
    .string()
    .refine((text) => text.trim().length > 0, 'text must not be blank')
    .refine((text) => [...text].length <= MAX_TEXT_LENGTH, `text has at most ${MAX_TEXT_LENGTH} characters`)
    // Postgres cannot store U+0000, and a lone surrogate does not survive UTF-8.
    .refine((text) => text.isWellFormed() && !text.includes('\u0000'), 'text must be well-formed Unicode without U+0000'),
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
export const handleSchema = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'a handle is 1 to 64 letters, digits, dots, dashes or underscores')

/** What a service sends to create or change a user. */
export const userInputSchema = z.strictObject({
  handle: handleSchema,
  name: z
    .string()
    .min(1)
    .max(100)
    .refine((name) => name.isWellFormed() && !name.includes('\u0000'), 'name must be well-formed Unicode without U+0000'),
})
export type UserInput = z.infer<typeof userInputSchema>

/** A post as a reader sees it. */
export const postSchema = z.strictObject({
  id: idSchema,
  text: z.string(),
  created_at: z.iso.datetime(),
  author: profileSchema,
  /** The activity that brought the post here: its own id, or that of a repost. */
  activity_id: idSchema,
  /** Who reposted it, where a repost brought it. */
  reposted_by: profileSchema.optional(),
})
export type Post = z.infer<typeof postSchema>

/** One page of a feed, newest first. `next_cursor` is null where the history really ends. */
export const pageSchema = z.strictObject({
  posts: z.array(postSchema),
  next_cursor: z.string().nullable(),
  /** True when something arrived above this page after the scroll began: reload from the top to see it. */
  gap: z.boolean(),
})
export type Page = z.infer<typeof pageSchema>

export const DEFAULT_PAGE_SIZE = 50
export const MAX_PAGE_SIZE = 100

/** The answer to a write that made an activity. */
export const activitySchema = z.strictObject({
  id: idSchema,
  author_id: idSchema,
  created_at: z.iso.datetime(),
  root_id: idSchema.optional(),
  text: z.string().optional(),
})
export type Activity = z.infer<typeof activitySchema>
