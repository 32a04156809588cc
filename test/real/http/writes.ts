import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { RAISED_HEADER, REPLAYED_HEADER, VERSION_COOKIE, VERSION_HEADER } from '../../../contract/headers.ts'
import { importKey } from '../../../contract/signed.ts'
import { openExchange } from '../../../worker/http/exchange.ts'
import type { WorkerEnv } from '../../../worker/http/request.ts'
import { createTally } from '../../../worker/http/tally.ts'
import { writeRoutes } from '../../../worker/routes/writes.ts'
import { eventually } from '../../support/eventually.ts'
import { expectProblem } from '../../support/expect-problem.ts'
import type { Client } from '../../support/stack.ts'
import { activityOf, FEED, pageOf, post, postOf, type World, write } from './world.ts'

const idsOf = async (response: Response): Promise<string[]> => (await pageOf(response)).posts.map(({ activity_id }) => activity_id)
const cookieOf = (response: Response): string => response.headers.getSetCookie()[0] ?? ''

/** What a write answers, and how it is seen. */
export function writes(world: () => World): void {
  test('a write is at once in the feed of its author, in any isolate, by the token as header or cookie', async () => {
    const { author } = await world().pair()
    for (const isolate of [0, 1]) expect(await idsOf(await author.fetch(FEED, { isolate }))).toEqual([]) // both remember an empty feed
    const response = await post(author, { text: 'mine' })
    const { id } = await activityOf(response.clone())
    expect(response.headers.get('location')).toBe(`/v1/posts/${id}`)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get(RAISED_HEADER)).toBeNull()
    const version = response.headers.get(VERSION_HEADER)
    const cookie = cookieOf(response)
    expect(cookie).toBe(`${VERSION_COOKIE}=${version}; Max-Age=300; Path=/; HttpOnly; SameSite=Lax`)
    expect(await idsOf(await author.fetch(FEED, { isolate: 1, version }))).toEqual([id])
    expect(await idsOf(await author.fetch(FEED, { isolate: 0, headers: { cookie: cookie.split(';')[0] ?? '' } }))).toEqual([id])
  })

  test('a token knows the writes before it', async () => {
    const { author, reader } = await world().pair()
    await idsOf(await author.fetch(FEED, { isolate: 1 }))
    const first = await write(author, 'first')
    const follow = await author.fetch(`/v1/users/${reader.id}/follow`, { method: 'POST', version: first.version })
    const version = follow.headers.get(VERSION_HEADER)
    expect(await idsOf(await author.fetch(FEED, { isolate: 1, version }))).toEqual([first.id])
  })

  test('over https the cookie is Secure', async () => {
    const { author } = await world().pair()
    const http = { clock: { nowMs: () => 0 }, signingKey: importKey('a-signing-secret-0123') }
    const app = new Hono<WorkerEnv>()
    app.use((c, next) => {
      const arrived = {
        request: c.req.raw,
        context: { waitUntil() {} },
        startedAtMs: 0,
        requestId: '',
        tally: createTally(),
        origin: undefined,
      }
      c.env = { exchange: { ...openExchange(arrived), caller: { userId: author.id } } }
      return next()
    })
    const raised = { [RAISED_HEADER]: JSON.stringify({ [`au:${author.id}:public`]: 1 }) }
    app.route(
      '/',
      writeRoutes(async () => new Response('{}', { status: 201, headers: raised }), http),
    )
    expect(cookieOf(await app.request('https://api.example/v1/posts', { method: 'POST' }))).toContain('; HttpOnly; Secure; SameSite=Lax')
    expect(cookieOf(await app.request('http://api.example/v1/posts', { method: 'POST' }))).not.toContain('Secure')
  })

  test('a repeated Idempotency-Key answers the same again and writes nothing', async () => {
    const { author, reader } = await world().pair()
    const key = { 'idempotency-key': 'key-1' }
    const [first, again, elsewhere] = [
      await post(author, { text: 'once' }, key),
      await post(author, { text: 'once' }, key),
      await post(author, { text: 'once' }, key, 1),
    ]
    const { id } = await activityOf(first.clone())
    expect(first.headers.get(REPLAYED_HEADER)).toBeNull()
    const body = await activityOf(first)
    for (const replay of [again, elsewhere]) {
      expect(replay.status).toBe(201)
      expect(replay.headers.get(REPLAYED_HEADER)).toBe('true')
      expect(replay.headers.get('location')).toBe(`/v1/posts/${id}`)
      expect(replay.headers.has(VERSION_HEADER)).toBe(true)
      expect(await activityOf(replay)).toEqual(body)
    }
    expect((await post(reader, { text: 'another person may use the same key' }, key)).status).toBe(201)
    for (const text of ['another request', '']) await expectProblem(await post(author, { text }, key), 'idempotency-key-reused')
    const version = again.headers.get(VERSION_HEADER)
    expect(await idsOf(await author.fetch(`/v1/users/${author.id}/posts`, { version }))).toEqual([id])
  })

  test('concurrent repetitions of a request write once', async () => {
    const { author } = await world().pair()
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => post(author, { text: 'all at once' }, { 'idempotency-key': 'k' }, i)),
    )
    expect(new Set(await Promise.all(answers.map(async (answer) => (await activityOf(answer)).id))).size).toBe(1)
  })

  test('a repeated repost gets its answer even after its root was deleted', async () => {
    const { author, reader } = await world().pair()
    const root = await write(author, 'short-lived')
    const repost = () => reader.fetch(`/v1/posts/${root.id}/repost`, { method: 'POST', headers: { 'idempotency-key': 'r' } })
    const first = await activityOf(await repost())
    expect((await author.fetch(`/v1/posts/${root.id}`, { method: 'DELETE' })).status).toBe(204)
    expect(await activityOf(await repost())).toEqual(first)
  })

  test('a repost shows its root, twice is once, of a repost is of its root, and it can be undone', async () => {
    const { author, reader } = await world().pair()
    const other = await world().stranger()
    const root = await write(author, 'root')
    const repost = (who: Client, id: string, method = 'POST') => who.fetch(`/v1/posts/${id}/repost`, { method })
    const made = await repost(reader, root.id)
    const activity = await activityOf(made.clone())
    expect(made.status).toBe(201)
    expect(made.headers.get('location')).toBe(`/v1/posts/${activity.id}`)
    expect(activity).toMatchObject({ root_id: root.id, author_id: reader.id })

    const twice = await repost(reader, root.id)
    expect(twice.status).toBe(200)
    expect(await activityOf(twice)).toEqual(activity)
    expect(await activityOf(await repost(other, activity.id))).toMatchObject({ root_id: root.id, author_id: other.id })

    const shown = await postOf(await other.fetch(`/v1/posts/${activity.id}`))
    expect(shown).toMatchObject({ id: root.id, text: 'root', activity_id: activity.id })
    expect([shown.author.id, shown.reposted_by?.id]).toEqual([author.id, reader.id])

    const undone = await repost(reader, root.id, 'DELETE')
    expect(undone.status).toBe(204)
    await expectProblem(await reader.fetch(`/v1/posts/${activity.id}`, { version: undone.headers.get(VERSION_HEADER) }), 'gone')
    expect((await repost(reader, root.id, 'DELETE')).status).toBe(204)
    expect((await activityOf(await repost(reader, root.id))).id).not.toBe(activity.id)
  })

  test('a deleted root takes its reposts along, and deleting it again is fine', async () => {
    const { author, reader } = await world().pair()
    const root = await write(author, 'to be deleted')
    const repost = await activityOf(await reader.fetch(`/v1/posts/${root.id}/repost`, { method: 'POST' }))
    await eventually(async () => expect(await idsOf(await reader.fetch(FEED))).toEqual([repost.id]))
    const deleted = await author.fetch(`/v1/posts/${root.id}`, { method: 'DELETE' })
    expect(deleted.status).toBe(204)
    expect(await deleted.text()).toBe('')
    const version = deleted.headers.get(VERSION_HEADER)
    await expectProblem(await author.fetch(`/v1/posts/${root.id}`, { isolate: 1, version }), 'gone')
    await eventually(async () => {
      for (const isolate of [0, 1]) {
        expect(await idsOf(await reader.fetch(FEED, { isolate }))).toEqual([])
        expect(await idsOf(await reader.fetch(`/v1/users/${reader.id}/posts`, { isolate }))).toEqual([])
        await expectProblem(await reader.fetch(`/v1/posts/${repost.id}`, { isolate }), 'gone')
      }
    })
    expect((await author.fetch(`/v1/posts/${root.id}`, { method: 'DELETE' })).status).toBe(204)
  })

  test('following and unfollowing may be repeated, and are seen at once with the token', async () => {
    const { author } = await world().pair()
    const reader = await world().stranger()
    const { id } = await write(author, 'before the follow')
    for (const isolate of [0, 1]) expect(await idsOf(await reader.fetch(FEED, { isolate }))).toEqual([])
    const change = async (method: string) => {
      const response = await reader.fetch(`/v1/users/${author.id}/follow`, { method })
      expect(response.status).toBe(200)
      return { body: await response.json(), version: response.headers.get(VERSION_HEADER) }
    }
    const followed = await change('POST')
    expect(followed.body).toEqual({ following: true })
    for (const isolate of [0, 1]) expect(await idsOf(await reader.fetch(FEED, { isolate, version: followed.version }))).toEqual([id])
    expect((await change('POST')).body).toEqual({ following: true })
    const left = await change('DELETE')
    expect(left.body).toEqual({ following: false })
    for (const isolate of [0, 1]) expect(await idsOf(await reader.fetch(FEED, { isolate, version: left.version }))).toEqual([])
    expect((await change('DELETE')).body).toEqual({ following: false })
  })
}
