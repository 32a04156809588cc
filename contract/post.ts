import * as z from 'zod'
import { audienceSchema } from './entry.ts'
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
  audience: audienceSchema.optional().describe('Who may see it; everybody where it is not said.'),
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

/** How often a post was liked and reposted. */
export const countsSchema = z.strictObject({ likes: z.int().nonnegative(), reposts: z.int().nonnegative() })

/** What the reader did to a post, and to its author; what is not so is left out. */
export const mineSchema = z.strictObject({
  liked: z.literal(true).optional(),
  reposted: z.literal(true).optional(),
  muted: z.literal(true).optional().describe('You muted its author.'),
})

/** How many of those who reposted a post are named. */
export const NAMED_REPOSTERS = 3
/** How many reposts of a post are looked at for `reposters`. */
export const MAX_REPOSTERS = 20

/** A post as a reader sees it. */
export const postSchema = z.strictObject({
  id: idSchema,
  text: z.string(),
  created_at: z.iso.datetime(),
  audience: audienceSchema.describe('`followers` for what only followers may see: written so, or by a private account.'),
  author: profileSchema,
  counts: countsSchema.nullable().describe('Null where they could not be had without waiting.'),
  mine: mineSchema.optional(),
  activity_id: idSchema.describe('The activity that brought the post here: its own id, or that of a repost.'),
  reposted_by: profileSchema.optional().describe('Who reposted it, where a repost brought it.'),
  reposters: z
    .strictObject({ count: z.int().min(2).max(MAX_REPOSTERS), first: z.array(profileSchema).max(NAMED_REPOSTERS) })
    .optional()
    .describe('Where several whom you follow reposted it: how many, and the latest of them.'),
})
export type Post = z.infer<typeof postSchema>

/** One page of a feed, newest first. */
export const pageSchema = z.strictObject({
  posts: z.array(postSchema),
  next_cursor: z.string().nullable().describe('Sent as `cursor` it brings the next page; null where the history really ends.'),
  gap: z.boolean().describe('True when something belongs above this page, or between it and `since`, that you have not been shown.'),
  gap_cursor: z
    .string()
    .nullable()
    .describe('Sent to `/v1/feed/following/gap` it brings what the gap holds; null where there is none, and on the page of an author.'),
  top_cursor: z
    .string()
    .nullable()
    .describe(
      'The newest of a first page. Sent as `since` it brings what came after it; null further down, on an empty page, and of an author.',
    ),
  source: z.enum(['following', 'popular', 'author']).describe('`popular` for a reader who follows nobody yet.'),
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
export const followingSchema = z.strictObject({
  following: z.boolean(),
  requested: z.literal(true).optional().describe('The account is private: it was asked, and may accept.'),
})
export type Following = z.infer<typeof followingSchema>

/** Answers to other writes: how it is now. */
export const likedSchema = z.strictObject({ liked: z.boolean() })
export const mutedSchema = z.strictObject({ muted: z.boolean() })
export const blockedSchema = z.strictObject({ blocked: z.boolean() })
export const acceptedSchema = z.strictObject({ accepted: z.boolean() })
/** Is an account private? Only its followers then see what it posts, and a follow must be accepted. */
export const privacySchema = z.strictObject({ private: z.boolean() })
/** Is an account suspended? Nobody then sees anything of it. */
export const suspensionSchema = z.strictObject({ suspended: z.boolean() })

/** One page of people. */
export const peopleSchema = z.strictObject({
  users: z.array(profileSchema),
  next_cursor: z.string().nullable().describe('Sent as `cursor` it brings the next page; null at the end.'),
})
