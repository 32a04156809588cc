import * as z from 'zod'
import { audienceSchema } from './entry.ts'
import { idSchema } from './ids.ts'

/** What is logged (docs/consumers.md says what each kind means). */
export const ACTIVITY_KINDS = [
  ...(['post', 'repost', 'delete', 'like', 'unlike', 'follow', 'unfollow', 'block', 'unblock'] as const),
  ...(['make-private', 'make-public', 'suspend', 'restore', 'delete-account', 'import'] as const),
] as const
export const activityKindSchema = z.enum(ACTIVITY_KINDS)
/** Kinds in a query, separated by commas. */
export const activityKindsSchema = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(activityKindSchema))

export const MAX_ACTIVITIES = 1_000
export const DEFAULT_ACTIVITIES = 100

/** One activity of the log. Consumers ignore kinds that they do not know. */
export const loggedActivitySchema = z.strictObject({
  cursor: z.string().describe('The place behind it; no two activities have the same.'),
  kind: activityKindSchema,
  at: z.iso.datetime().describe('When the transaction that did it began. The order is not that of time.'),
  actor_id: idSchema
    .optional()
    .describe('Whose post, like, follow or block it is, whoever ended it; of a change of an account that account; none of an `import`.'),
  post_id: idSchema.optional().describe('Of `post`, `repost` and `delete` the activity, of `like` and `unlike` the post.'),
  root_id: idSchema.optional().describe('The post that a repost shows: of `repost`, and of the `delete` of one.'),
  subject_id: idSchema.optional().describe('Of follows and blocks: whom.'),
  text: z.string().nullable().optional().describe('Of `post`: what it says now; null where it was deleted meanwhile, or its author was.'),
  audience: audienceSchema
    .optional()
    .describe('Of `post` and `repost`: for whom it was written. A private account narrows that: `make-private`.'),
})
export type LoggedActivity = z.infer<typeof loggedActivitySchema>

/** A page of the log. */
export const activityPageSchema = z.strictObject({
  activities: z.array(loggedActivitySchema),
  next_cursor: z.string().describe('Where to read on, also where the page is empty. Store it when you are done with the page.'),
  up_to_date: z.boolean().describe('There was no more: wait a second before you ask again.'),
})
export type ActivityPage = z.infer<typeof activityPageSchema>
