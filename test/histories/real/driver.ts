import { setTimeout as sleep } from 'node:timers/promises'
import { DEGRADED_HEADER, VERSION_HEADER } from '../../../contract/headers.ts'
import { firstIdAt } from '../../../contract/ids.ts'
import { type Post, pageSchema, postSchema } from '../../../contract/post.ts'
import { makePosts } from '../../support/activity.ts'
import { makeFollows, makeUsers } from '../../support/people.ts'
import type { Ask, Driver, Line, Outcome, Page, Token, Trouble } from '../driver.ts'
import { callOf } from './calls.ts'
import { createOwnTrouble } from './own-trouble.ts'
import type { Parts } from './parts.ts'

interface Sent extends RequestInit {
  /** Undefined for nobody we know. */
  readonly bearer: string | undefined
  readonly token: Token
}

export interface Pace {
  /** Virtual milliseconds per real one: pauses of a history are so much shorter. */
  readonly speed: number
  /** The longest pause (real milliseconds). */
  readonly longestMs: number
}

/** Ids of posts from before: one sequence for all histories. */
let earlier = 0n

/** Plays one history on the real parts, with people of its own. Trouble that would meet other histories too is the conductor's. */
export function createRealDriver(parts: Parts, { speed, longestMs }: Pace): Driver & { readonly degraded: readonly string[] } {
  const { stack } = parts
  const tokens = new Map<string, string>()
  let mine: readonly string[] = []
  const own = createOwnTrouble(stack, () => mine)
  let serviceToken: string | undefined
  const degraded: string[] = []

  const bearerOf = (who: string | undefined) => (who === undefined ? undefined : tokens.get(who))

  /** What a request came to, by its status; `read` makes the value of an answer. */
  async function request<T>(
    path: string,
    isolate: number,
    { bearer, token, ...init }: Sent,
    read: (text: string, headers: Headers) => T,
  ): Promise<Outcome<T>> {
    const headers = new Headers(init.headers)
    if (bearer !== undefined) headers.set('authorization', `Bearer ${bearer}`)
    if (token !== undefined) headers.set(VERSION_HEADER, token)
    const { isolates } = parts
    let response: Response
    let text: string
    try {
      response = await fetch(`${isolates[isolate % isolates.length]}${path}`, { ...init, headers })
      text = await response.text()
    } catch {
      return { is: 'unknown' }
    }
    if (response.ok) return { is: 'done', value: read(text, response.headers) }
    const { type, detail } = JSON.parse(text) as { readonly type: string; readonly detail?: string }
    const slug = type.split('/').at(-1) ?? ''
    return response.status < 500 ? { is: 'refused', why: slug } : { is: 'unavailable', why: `${slug}: ${detail}` }
  }
  const readPage = (path: string, who: string | undefined, { isolate, from, limit, token }: Ask): Promise<Outcome<Page>> => {
    const isGap = from.at === 'gap'
    const cursor = from.at === 'top' ? {} : { [from.at === 'since' ? 'since' : 'cursor']: from.cursor }
    const query = new URLSearchParams({ limit: String(limit), ...cursor })
    return request(`${path}${isGap ? '/gap' : ''}?${query}`, isolate, { bearer: bearerOf(who), token }, (text, headers) => {
      const page = pageOf(text, headers)
      if (page.degraded.length > 0) degraded.push(page.degraded.join(' '))
      return page
    })
  }

  return {
    /** Why pages said that they may be less than they should be: nothing on them was judged. */
    degraded,
    get isolates() {
      return parts.isolates.length
    },
    nowMs: () => performance.timeOrigin + performance.now(),
    sleep: (ms) => sleep(Math.min(ms / speed, longestMs)),

    async setUp({ people, follows, posts }) {
      mine = await makeUsers(stack.db, people.length)
      for (const id of mine) tokens.set(id, await stack.tokenFor({ sub: id }))
      const idOf = (name: string): string => mine[people.indexOf(name)] ?? ''
      const rows = posts.map(({ who, text, agoMs }) => ({ id: firstIdAt(Date.now() - agoMs) + ++earlier, authorId: idOf(who), text }))
      await makePosts(stack.db, rows)
      await makeFollows(
        stack.db,
        follows.map(([viewer, author]) => [idOf(viewer), idOf(author)]),
      )
      return { people: mine, posts: rows.map(({ id }) => String(id)) }
    },

    async write(write, token) {
      const { method, path, body, byService } = callOf(write)
      const json = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
      serviceToken ??= await stack.tokenFor({ sub: 'product', role: 'service' })
      const bearer = byService ? serviceToken : bearerOf(write.who)
      return request(path, mine.indexOf(write.who), { method, bearer, token, ...json }, (text, headers) => {
        const { id, requested = false } = JSON.parse(text || '{}') as {
          readonly id?: string
          readonly requested?: boolean
        }
        return { id, requested, token: headers.get(VERSION_HEADER) ?? token }
      })
    },
    feed: (viewer, ask) => readPage('/v1/feed/following', viewer, ask),
    author: (author, reader, ask) => readPage(`/v1/users/${author}/posts`, reader, ask),
    post: (post, reader, { isolate, token }) =>
      request(`/v1/posts/${post}`, isolate, { bearer: bearerOf(reader), token }, (text) => lineOf(postSchema.parse(JSON.parse(text)))),

    async trouble(trouble: Trouble): Promise<boolean> {
      switch (trouble.does) {
        case 'lose keys':
          await own.loseKeys(trouble.share)
          return false
        case 'late fan-out':
          await own.fanOutLate(trouble.ms / speed)
          return true
        // Clocks of one machine cannot step apart: somebody falls dormant instead.
        case 'clock steps':
          await own.fallDormant(mine[Math.abs(trouble.ms) % mine.length] ?? '')
          return true
        default:
          return false
      }
    },
  }
}

function pageOf(text: string, headers: Headers): Page {
  const { posts, next_cursor: next, top_cursor: top, gap_cursor: gap, source } = pageSchema.parse(JSON.parse(text))
  const degraded = headers.get(DEGRADED_HEADER)?.split(', ') ?? []
  return { lines: posts.map(lineOf), next, top, gap, source, degraded }
}

const lineOf = (post: Post): Line => ({
  activityId: post.activity_id,
  postId: post.id,
  authorId: post.author.id,
  repostedBy: post.reposted_by?.id,
  text: post.text,
  liked: post.mine?.liked ?? false,
  reposted: post.mine?.reposted ?? false,
  reposters: (post.reposters?.first ?? []).map(({ id }) => id),
})
