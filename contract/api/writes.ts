import { REPLAYED_HEADER, VERSION_HEADER } from '../headers.ts'
import { type Activity, activitySchema, followingSchema, newPostSchema, profileSchema, userInputSchema } from '../post.ts'
import type { ProblemSlug } from '../problem.ts'
import { CALLER, NEWCOMER, OWN_POST, POST, PRIYA } from './cast.ts'
import type { HeaderName } from './headers.ts'
import { json, type Operation } from './operation.ts'
import { idempotencyKey, idIn, VERSION } from './parameters.ts'

export const WRITE_HEADERS: readonly HeaderName[] = [VERSION_HEADER, 'set-cookie', 'cache-control']
/** The token is for the user who was written: no cookie for the service. */
export const SERVICE_HEADERS: readonly HeaderName[] = [VERSION_HEADER, 'cache-control']
const REPLAYABLE: readonly HeaderName[] = [...WRITE_HEADERS, REPLAYED_HEADER]
/** Whatever is passed on to the origin. */
export const FORWARDED: readonly ProblemSlug[] = ['too-large', 'overloaded', 'origin-unavailable']

const made = { id: '2124108000000000000', author_id: CALLER.id, created_at: '2026-11-21T11:49:45.875Z' }
const post: Activity = { ...made, text: 'Hello from the edge.' }
const repost: Activity = { ...made, root_id: POST.id }

export const WRITES: readonly Operation[] = [
  {
    id: 'createPost',
    method: 'post',
    path: '/v1/posts',
    tag: 'Posts',
    summary: 'Write a post',
    description:
      'Acknowledged once it is in Postgres; every active follower sees it within 5 s, and others unless `audience` says `followers`. A 503 leaves open whether it was written: retry with the same `Idempotency-Key`.',
    token: 'user',
    parameters: [idempotencyKey('5b0c9a52-a-new-post'), ...VERSION],
    body: { schema: newPostSchema, example: { text: post.text, audience: 'public' } },
    answers: [{ status: 201, description: 'Written.', headers: REPLAYABLE, content: json(activitySchema, post) }],
    problems: ['bad-request', 'idempotency-key-reused', 'clock-skew', ...FORWARDED],
  },
  {
    id: 'deletePost',
    method: 'delete',
    path: '/v1/posts/{id}',
    tag: 'Posts',
    summary: 'Delete a post of yours',
    description: 'It is gone from every feed within 5 s. To delete it again answers the same.',
    token: 'user',
    parameters: [idIn('The post.', OWN_POST.id), ...VERSION],
    answers: [{ status: 204, description: 'Deleted.', headers: WRITE_HEADERS }],
    problems: ['bad-request', 'not-found', ...FORWARDED],
  },
  {
    id: 'createRepost',
    method: 'post',
    path: '/v1/posts/{id}/repost',
    tag: 'Posts',
    summary: 'Repost a post',
    description: 'A repost of a repost is one of the post it shows. Only what everybody may see can be reposted.',
    token: 'user',
    parameters: [idIn('The post.', POST.id), idempotencyKey('5b0c9a52-a-repost'), ...VERSION],
    answers: [
      { status: 201, description: 'Reposted.', headers: REPLAYABLE, content: json(activitySchema, repost) },
      { status: 200, description: 'You had reposted it before.', headers: WRITE_HEADERS, content: json(activitySchema, repost) },
    ],
    problems: ['bad-request', 'not-found', 'gone', 'idempotency-key-reused', 'clock-skew', ...FORWARDED],
  },
  {
    id: 'deleteRepost',
    method: 'delete',
    path: '/v1/posts/{id}/repost',
    tag: 'Posts',
    summary: 'Undo your repost of a post',
    description: 'Without a repost there is nothing to undo, and the answer is the same.',
    token: 'user',
    parameters: [idIn('The post, not the repost.', POST.id), ...VERSION],
    answers: [{ status: 204, description: 'Undone.', headers: WRITE_HEADERS }],
    problems: ['bad-request', 'not-found', ...FORWARDED],
  },
  {
    id: 'follow',
    method: 'post',
    path: '/v1/users/{id}/follow',
    tag: 'Follows',
    summary: 'Follow a user',
    description:
      'Their history is in your feed at once if you send the version token, else within 5 s. To follow again changes nothing. A private account is asked instead.',
    token: 'user',
    parameters: [idIn('Whom to follow.', PRIYA.id), ...VERSION],
    answers: [
      { status: 200, description: 'You follow them.', headers: WRITE_HEADERS, content: json(followingSchema, { following: true }) },
      {
        status: 202,
        description: 'Their account is private: they were asked.',
        headers: WRITE_HEADERS,
        content: json(followingSchema, { following: false, requested: true }),
      },
    ],
    problems: ['bad-request', 'not-found', 'blocked', ...FORWARDED],
  },
  {
    id: 'unfollow',
    method: 'delete',
    path: '/v1/users/{id}/follow',
    tag: 'Follows',
    summary: 'Unfollow a user',
    description: 'Their posts leave your feed within 5 s; a request to follow is withdrawn. To unfollow again changes nothing.',
    token: 'user',
    parameters: [idIn('Whom to leave.', PRIYA.id), ...VERSION],
    answers: [
      { status: 200, description: 'You do not follow them.', headers: WRITE_HEADERS, content: json(followingSchema, { following: false }) },
    ],
    problems: ['bad-request', ...FORWARDED],
  },
  {
    id: 'putUser',
    method: 'put',
    path: '/v1/users/{id}',
    tag: 'Users',
    summary: 'Create or change a user',
    description: 'Your product chooses the id. The version token of the answer is for the user who was written.',
    token: 'service',
    parameters: [idIn('The user.', NEWCOMER.id)],
    body: { schema: userInputSchema, example: { handle: NEWCOMER.handle, name: NEWCOMER.name } },
    answers: [
      { status: 201, description: 'Created.', headers: SERVICE_HEADERS, content: json(profileSchema, NEWCOMER) },
      { status: 200, description: 'Changed.', headers: SERVICE_HEADERS, content: json(profileSchema, NEWCOMER) },
    ],
    problems: ['bad-request', 'conflict', ...FORWARDED],
  },
]
