import { activitySchema, type Page, type Post, pageSchema, postSchema } from '../../contract/post.ts'
import { type Ask, type Client, newClient } from './client.ts'
import type { Followers } from './followers.ts'
import type { Kind } from './measures.ts'
import type { Step } from './session.ts'

export const FEED = '/v1/feed/following'

/** A person's app and what its screen shows. */
export interface Person {
  readonly client: Client
  /** The first page as it was last answered. */
  top: { readonly etag: string | undefined; readonly page: Page } | undefined
  /** What is on the screen, and where scrolling goes on. */
  posts: readonly Post[]
  nextCursor: string | null
  /** Roots this person reposted in this run. */
  readonly reposted: string[]
}

export const newPerson = (id: string): Person => ({ client: newClient(id), top: undefined, posts: [], nextCursor: null, reposted: [] })

interface Parts {
  readonly ask: Ask
  readonly followers: Followers
  /** Somebody to follow, who may be a stranger. */
  readonly someone: (u: number) => string
}

/** Does one step of a session. What the screen has nothing for is left out. */
export function createReader({ ask, followers, someone }: Parts) {
  return async (person: Person, { act, pick }: Step, dueAtMs: number): Promise<void> => {
    const { client } = person
    const write = <T>(method: 'POST' | 'DELETE', path: string) => ask<T>(client, { kind: 'write', method, path, dueAtMs })
    // People mind what is at the top.
    const post = person.posts[Math.floor(pick ** 2 * person.posts.length)]
    switch (act) {
      case 'open':
      case 'refresh':
        return openFeed(person, act, dueAtMs)
      case 'scroll':
        return scrollOn(person, dueAtMs)
      case 'author':
        if (post) await ask(client, { kind: 'author', path: `/v1/users/${post.author.id}/posts`, schema: pageSchema, dueAtMs })
        return
      case 'post':
        if (post) await ask(client, { kind: 'post', path: `/v1/posts/${post.id}`, schema: postSchema, dueAtMs })
        return
      case 'repost':
        if (!post || person.reposted.includes(post.id)) return
        if (await write('POST', `/v1/posts/${post.id}/repost`)) person.reposted.push(post.id)
        return
      case 'unrepost': {
        const root = person.reposted.pop()
        if (root) await write('DELETE', `/v1/posts/${root}/repost`)
        return
      }
      case 'follow': {
        // Mostly somebody whom a followee reposted.
        const id = person.posts.find((shown) => shown.reposted_by && !followers.has(shown.author.id, client.id))?.author.id ?? someone(pick)
        if (id !== client.id && (await write('POST', `/v1/users/${id}/follow`))) followers.add(id, client.id)
        return
      }
      case 'unfollow': {
        const id = post?.reposted_by?.id ?? post?.author.id
        if (!id || id === client.id || !followers.has(id, client.id)) return
        followers.remove(id, client.id)
        await write('DELETE', `/v1/users/${id}/follow`)
      }
    }
  }

  async function openFeed(person: Person, kind: Kind, dueAtMs: number): Promise<void> {
    const answer = await ask(person.client, { kind, path: FEED, schema: pageSchema, etag: person.top?.etag, dueAtMs })
    if (answer?.body) person.top = { etag: answer.etag, page: answer.body }
    if (!answer || !person.top) return
    person.posts = person.top.page.posts
    person.nextCursor = person.top.page.next_cursor
  }

  async function scrollOn(person: Person, dueAtMs: number): Promise<void> {
    if (person.nextCursor === null) return
    const path = `${FEED}?${new URLSearchParams({ cursor: person.nextCursor })}`
    const answer = await ask(person.client, { kind: 'scroll', path, schema: pageSchema, dueAtMs })
    if (!answer?.body) return
    person.posts = [...person.posts, ...answer.body.posts]
    person.nextCursor = answer.body.next_cursor
  }
}

/** An author's app: posts, and deletes. */
export function createAuthor({ ask }: Pick<Parts, 'ask'>) {
  return {
    post: async ({ client }: Person, text: string, dueAtMs: number): Promise<string | undefined> => {
      const answer = await ask(client, {
        kind: 'write',
        method: 'POST',
        path: '/v1/posts',
        body: { text },
        schema: activitySchema,
        dueAtMs,
      })
      return answer?.body?.id
    },
    remove: async ({ client }: Person, postId: string, dueAtMs: number): Promise<void> => {
      await ask(client, { kind: 'write', method: 'DELETE', path: `/v1/posts/${postId}`, dueAtMs })
    },
  }
}
