import { AGE_HEADER, COMPLETENESS_HEADER, DEGRADED_HEADER } from '../headers.ts'
import { type Page, type Post, pageSchema, postSchema } from '../post.ts'
import { CURSOR, HANA, POST, PRIYA, REPOST_ID } from './cast.ts'
import type { HeaderName } from './headers.ts'
import { type Answer, json, type Operation } from './operation.ts'
import { GAP, IF_NONE_MATCH, idIn, LIMIT, PAGING, SINCE, VERSION } from './parameters.ts'

const HEADERS: readonly HeaderName[] = [
  'etag',
  'cache-control',
  'cache-status',
  'server-timing',
  AGE_HEADER,
  COMPLETENESS_HEADER,
  DEGRADED_HEADER,
]
const UNCHANGED: Answer = { status: 304, description: 'Your copy is still good.', headers: HEADERS }

const post: Post = { ...POST, audience: 'public', author: PRIYA, counts: { likes: 12, reposts: 3 }, activity_id: POST.id }
const reposted: Post = { ...post, reposted_by: HANA, activity_id: REPOST_ID }
const page = (posts: Post[]): Page => ({
  posts,
  next_cursor: CURSOR,
  gap: false,
  gap_cursor: null,
  top_cursor: CURSOR,
  source: 'following',
})

export const READS: readonly Operation[] = [
  {
    id: 'getFollowingFeed',
    method: 'get',
    path: '/v1/feed/following',
    tag: 'Feeds',
    summary: 'Read your feed',
    description: 'Posts and reposts of whom you follow, and your own, newest first. Each post shows once per scroll.',
    token: 'user',
    parameters: [...PAGING, SINCE, ...VERSION, IF_NONE_MATCH],
    answers: [{ status: 200, description: 'A page.', headers: HEADERS, content: json(pageSchema, page([reposted])) }, UNCHANGED],
    problems: ['bad-request', 'bad-cursor', 'overloaded', 'origin-unavailable'],
  },
  {
    id: 'getFollowingGap',
    method: 'get',
    path: '/v1/feed/following/gap',
    tag: 'Feeds',
    summary: 'Read what a gap holds',
    description:
      'What came between two pages and was not shown, newest first. While some is left, the answer has a `gap_cursor` again. It may hold what you have already: drop it by `activity_id`.',
    token: 'user',
    parameters: [LIMIT, GAP, ...VERSION, IF_NONE_MATCH],
    answers: [
      { status: 200, description: 'A page.', headers: HEADERS, content: json(pageSchema, { ...page([reposted]), next_cursor: null }) },
      UNCHANGED,
    ],
    problems: ['bad-request', 'bad-cursor', 'overloaded', 'origin-unavailable'],
  },
  {
    id: 'getUserPosts',
    method: 'get',
    path: '/v1/users/{id}/posts',
    tag: 'Feeds',
    summary: 'Read what one user posted and reposted',
    description:
      'Newest first, each activity a line of its own. Without a token it is what everybody may see; with one, what this user may see, and private to HTTP caches.',
    token: 'optional',
    parameters: [idIn('The user.', PRIYA.id), ...PAGING, ...VERSION, IF_NONE_MATCH],
    answers: [
      {
        status: 200,
        description: 'A page.',
        headers: HEADERS,
        content: json(pageSchema, { ...page([post]), top_cursor: null, source: 'author' }),
      },
      UNCHANGED,
    ],
    problems: ['bad-request', 'bad-cursor', 'private-account', 'blocked', 'not-found', 'overloaded', 'origin-unavailable'],
  },
  {
    id: 'getPost',
    method: 'get',
    path: '/v1/posts/{id}',
    tag: 'Feeds',
    summary: 'Read one post',
    description:
      'The id of a repost answers the post it shows. Without a token it is what everybody may see; with one, what this user may see. What you may not see is a 404.',
    token: 'optional',
    parameters: [idIn('The post.', POST.id), ...VERSION, IF_NONE_MATCH],
    answers: [{ status: 200, description: 'The post.', headers: HEADERS, content: json(postSchema, post) }, UNCHANGED],
    problems: ['bad-request', 'not-found', 'gone', 'overloaded', 'origin-unavailable'],
  },
]
