import { expect, test } from 'vitest'
import { RAISED_HEADER, VERSION_HEADER } from '../../../contract/headers.ts'
import { PROMISED_MS } from '../../../contract/promise.ts'
import { eventually } from '../../support/eventually.ts'
import { expectProblem } from '../../support/expect-problem.ts'
import { within } from '../../support/running-time.ts'
import { FEED, pageOf, post, type World, write } from './world.ts'

/** Relations through the edge: what is passed on, and how soon it shows. */
export function relations(world: () => World): void {
  test('a write of relations brings a token, with which it shows at once in any isolate', async () => {
    const { author, reader } = await world().pair()
    const { id, version: written } = await write(author, 'soon muted')
    await eventually(async () => expect((await pageOf(await reader.fetch(FEED, { isolate: 1 }))).posts.map((one) => one.id)).toEqual([id]))
    for (const [method, verb, shown] of [
      ['POST', 'mute', []],
      ['DELETE', 'mute', [id]],
      ['POST', 'block', []],
    ] as const) {
      const answer = await reader.fetch(`/v1/users/${author.id}/${verb}`, { method, version: written })
      expect([answer.status, answer.headers.get('cache-control'), answer.headers.get(RAISED_HEADER)]).toEqual([200, 'no-store', null])
      const version = answer.headers.get(VERSION_HEADER)
      for (const isolate of [0, 1]) {
        const { posts } = await pageOf(await reader.fetch(FEED, { isolate, version }))
        expect([verb, isolate, posts.map((one) => one.id)]).toEqual([verb, isolate, shown])
      }
    }
  })

  test('lists are the origin’s answer page by page, without a token or a cookie, and whole for HEAD', async () => {
    const { author, reader } = await world().pair()
    const other = await world().stranger()
    for (const muted of [author, other]) await reader.fetch(`/v1/users/${muted.id}/mute`, { method: 'POST' })
    const first = await reader.fetch('/v1/mutes?limit=1')
    expect([first.status, first.headers.get(VERSION_HEADER), first.headers.getSetCookie()]).toEqual([200, null, []])
    const page = (await first.json()) as { users: { id: string }[]; next_cursor: string }
    expect(page.users.map(({ id }) => id)).toEqual([other.id])
    const rest = await (await reader.fetch(`/v1/mutes?limit=1&cursor=${page.next_cursor}`)).json()
    expect(rest).toMatchObject({ users: [{ id: author.id, handle: `user-${author.id}`, name: `User ${author.id}` }], next_cursor: null })
    expect((await reader.fetch('/v1/blocks', { method: 'HEAD' })).status).toBe(200)
    await expectProblem(await reader.fetch('/v1/mutes?cursor=x'), 'bad-cursor')
    await expectProblem(await reader.fetch('/v1/mutes', { method: 'DELETE' }), 'method-not-allowed')
    await expectProblem(await fetch(`${world().stack.urls[0]}/v1/mutes`), 'unauthorized')
  })

  test('a post for followers is at once in the feed of its author by the token, and nobody else’s who does not follow', async () => {
    const { author, reader } = await world().pair()
    const stranger = await world().stranger()
    for (const isolate of [0, 1]) await author.fetch(FEED, { isolate })
    const response = await post(author, { text: 'between us', audience: 'followers' })
    const { id } = (await response.json()) as { id: string }
    const version = response.headers.get(VERSION_HEADER)
    for (const isolate of [0, 1]) {
      const { posts } = await pageOf(await author.fetch(FEED, { isolate, version }))
      expect(posts.map((one) => [one.id, one.audience])).toEqual([[id, 'followers']])
    }
    await eventually(async () => expect((await pageOf(await reader.fetch(FEED))).posts.map((one) => one.id)).toEqual([id]))
    for (const who of [stranger, reader]) {
      const answer = await who.fetch(`/v1/posts/${id}`)
      if (who === reader) expect(answer.status).toBe(200)
      else await expectProblem(answer, 'not-found')
    }
    await expectProblem(await reader.fetch(`/v1/posts/${id}/repost`, { method: 'POST' }), 'forbidden')
  })

  test('a service makes an account private: the token is for the account, and its open posts are shut within five seconds', async () => {
    const { author, reader } = await world().pair()
    const stranger = await world().stranger()
    const { id } = await write(author, 'open for now')
    for (const isolate of [0, 1]) expect((await stranger.fetch(`/v1/posts/${id}`, { isolate })).status).toBe(200)
    const answer = await fetch(`${world().stack.urls[0]}/v1/users/${author.id}/privacy`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${world().service}`, 'content-type': 'application/json' },
      body: '{"private":true}',
    })
    expect([answer.status, answer.headers.has(VERSION_HEADER), answer.headers.getSetCookie()]).toEqual([200, true, []])
    await within(PROMISED_MS, async () => {
      for (const isolate of [0, 1]) await expectProblem(await stranger.fetch(`/v1/posts/${id}`, { isolate }), 'not-found')
    })
    expect((await reader.fetch(`/v1/posts/${id}`)).status).toBe(200)
    expect((await stranger.fetch(`/v1/users/${author.id}/follow`, { method: 'POST' })).status).toBe(202)
  })
}
