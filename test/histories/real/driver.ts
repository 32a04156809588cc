import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import type * as z from 'zod'
import { DEGRADED_HEADER, VERSION_HEADER } from '../../../contract/headers.ts'
import { firstIdAt } from '../../../contract/ids.ts'
import { pageSchema, postSchema } from '../../../contract/post.ts'
import { makeFollows, makeUsers } from '../../support/people.ts'
import type { Ask, Driver, Line, Outcome, Page, Token, Trouble, Write } from '../driver.ts'
import type { Parts } from './parts.ts'

export interface Pace {
  /** Virtual milliseconds per real one: pauses of a history are so much shorter. */
  readonly speed: number
  /** The longest pause (real milliseconds). */
  readonly longestMs: number
}

/** Ids of posts from before: one sequence for all histories. */
let earlier = 0n

/** Plays one history on the real parts, with people of its own. Trouble that would meet other histories too is the conductor's. */
export function createRealDriver(parts: Parts, { speed, longestMs }: Pace): Driver {
  const { stack } = parts
  const tokens = new Map<string, string>()
  let mine: readonly string[] = []

  /** What a request came to, by its status; `read` makes the value of an answer. */
  async function request<T>(
    path: string,
    at: number,
    who: string,
    init: RequestInit & { token?: Token },
    read: (response: Response) => Promise<T>,
  ): Promise<Outcome<T>> {
    const { token, ...rest } = init
    const headers = new Headers(rest.headers)
    headers.set('authorization', `Bearer ${tokens.get(who)}`)
    if (token !== undefined) headers.set(VERSION_HEADER, token)
    const isolates = parts.isolates
    try {
      const response = await fetch(`${isolates[at % isolates.length]}${path}`, { ...rest, headers })
      if (response.ok) return { is: 'done', value: await read(response) }
      const problem = (await response.json()) as { readonly type: string; readonly detail?: string }
      const why = problem.type.split('/').at(-1) ?? ''
      return response.status < 500 ? { is: 'refused', why } : { is: 'unavailable', why: `${why}: ${problem.detail}` }
    } catch {
      return { is: 'unknown' }
    }
  }

  const pageOf = async (response: Response): Promise<Page> => {
    const { posts, next_cursor: next, gap, source } = pageSchema.parse(await response.json())
    const degraded = response.headers.get(DEGRADED_HEADER)?.split(', ') ?? []
    return { lines: source === 'popular' ? [] : posts.map(lineOf), next, gap, degraded }
  }
  const pathOf = (path: string, { cursor, limit }: Ask): string =>
    `${path}?${new URLSearchParams({ limit: String(limit), ...(cursor === undefined ? {} : { cursor }) })}`

  const CALLS: { readonly [D in Write['does']]: (write: Extract<Write, { readonly does: D }>) => readonly [method: string, path: string] } =
    {
      post: () => ['POST', '/v1/posts'],
      repost: ({ post }) => ['POST', `/v1/posts/${post}/repost`],
      undo: ({ post }) => ['DELETE', `/v1/posts/${post}/repost`],
      delete: ({ post }) => ['DELETE', `/v1/posts/${post}`],
      follow: ({ whom }) => ['POST', `/v1/users/${whom}/follow`],
      unfollow: ({ whom }) => ['DELETE', `/v1/users/${whom}/follow`],
    }

  return {
    get isolates() {
      return parts.isolates.length
    },
    nowMs: () => performance.timeOrigin + performance.now(),
    sleep: (ms) => sleep(Math.min(ms / speed, longestMs)),

    async setUp({ people, follows, posts }) {
      mine = await makeUsers(stack.db, people.length)
      for (const id of mine) tokens.set(id, await stack.tokenFor({ sub: id }))
      const idOf = (name: string): string => mine[people.indexOf(name)] ?? ''
      await makeFollows(
        stack.db,
        follows.map(([viewer, author]) => [idOf(viewer), idOf(author)]),
      )
      const rows = posts.map(({ who, text, agoMs }) => ({ id: firstIdAt(Date.now() - agoMs) + ++earlier, author: idOf(who), text }))
      if (rows.length > 0) {
        const values = rows.map(({ id, author, text }) => sql`(${id}::bigint, ${author}::bigint, ${text}, 'push')`)
        await stack.db.execute(sql`insert into posts (id, author_id, text, mode) values ${sql.join(values, sql`, `)}`)
        await stack.db.execute(sql`
          update authors a set last_post_id = p.newest, post_version = post_version + p.count from
            (select author_id, max(id) as newest, count(*) as count from posts where author_id in (${sql.join(
              mine.map((id) => sql`${id}::bigint`),
              sql`, `,
            )}) group by author_id) p
          where a.author_id = p.author_id`)
      }
      return { people: mine, posts: rows.map(({ id }) => String(id)) }
    },

    write(write, token) {
      // TypeScript does not see that the call belongs to the write.
      const [method, path] = (CALLS[write.does] as (write: Write) => readonly [string, string])(write)
      const body =
        write.does === 'post' ? { body: JSON.stringify({ text: write.text }), headers: { 'content-type': 'application/json' } } : {}
      const place = mine.indexOf(write.who)
      return request(path, place, write.who, { method, token, ...body }, async (response) => {
        const text = await response.text()
        const made = write.does === 'post' || write.does === 'repost' ? (JSON.parse(text) as { readonly id: string }).id : undefined
        return { id: made, token: response.headers.get(VERSION_HEADER) ?? token }
      })
    },
    feed: (viewer, ask) => request(pathOf('/v1/feed/following', ask), ask.at, viewer, { token: ask.token }, pageOf),
    author: (author, reader, ask) => request(pathOf(`/v1/users/${author}/posts`, ask), ask.at, reader, { token: ask.token }, pageOf),
    post: (post, reader, { at, token }) =>
      request(`/v1/posts/${post}`, at, reader, { token }, async (response) => lineOf(postSchema.parse(await response.json()))),

    async trouble(trouble: Trouble): Promise<boolean> {
      if (trouble.does === 'lose keys') await loseKeys(trouble.share)
      return false
    },
  }

  /** Redis evicts some of what this history's people have there. */
  async function loseKeys(share: number): Promise<void> {
    const keys = mine.flatMap((id) => [`tl:${id}`, `vw:${id}`, `us:${id}`, `au:${id}:public`]).filter(() => Math.random() < share)
    if (keys.length === 0) return
    const headers = { authorization: `Bearer ${stack.l2Token}` }
    await fetch(stack.l2Url, { method: 'POST', headers, body: JSON.stringify(['DEL', ...keys.map((key) => `tideline:${key}`)]) })
  }
}

const lineOf = (post: z.infer<typeof postSchema>): Line => ({
  activityId: post.activity_id,
  postId: post.id,
  authorId: post.author.id,
  repostedBy: post.reposted_by?.id,
  text: post.text,
})
