import { expect, test } from 'vitest'
import { VERSION_HEADER } from '../../../contract/headers.ts'
import { PROMISED_MS } from '../../../contract/promise.ts'
import { expectProblem } from '../../support/expect-problem.ts'
import { within } from '../../support/running-time.ts'
import { randomName } from '../../support/stack.ts'
import { FEED, pageOf, type World, write } from './world.ts'

/** Ids of users that no other test makes. */
let next = 1_200_000_000_000_000_000n

/** What a service does for its users. */
export function users(world: () => World): void {
  const put = (id: string, body: unknown, isolate = 0) =>
    fetch(`${world().stack.urls[isolate]}/v1/users/${id}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${world().service}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  test('a service creates a user (201), changes it (200), and a handle belongs to one user (409)', async () => {
    const id = String(++next)
    const handle = randomName()
    const created = await put(id, { handle, name: 'Ada' })
    expect(created.status).toBe(201)
    expect(await created.json()).toEqual({ id, handle, name: 'Ada' })
    const changed = await put(id, { handle, name: 'Ada Lovelace' })
    expect(changed.status).toBe(200)
    expect(await changed.json()).toEqual({ id, handle, name: 'Ada Lovelace' })
    const { detail } = await expectProblem(await put(String(++next), { handle, name: 'Somebody else' }), 'conflict')
    expect(detail).toContain(handle)
  })

  test('a new name is on the pages of every isolate within five seconds', async () => {
    const { author, reader } = await world().pair()
    await write(author, 'signed')
    const names = async (isolate: number) =>
      (await pageOf(await reader.fetch(`/v1/users/${author.id}/posts`, { isolate }))).posts.map((post) => post.author.name)
    for (const isolate of [0, 1]) expect(await names(isolate)).toEqual([`User ${author.id}`])
    expect((await put(author.id, { handle: randomName(), name: 'New Name' })).status).toBe(200)
    await within(PROMISED_MS, async () => {
      for (const isolate of [0, 1]) expect(await names(isolate)).toEqual(['New Name'])
    })
  })

  test('a new user reads at once with the token of the write, though the 401 of a moment ago is remembered; without it within five seconds', async () => {
    const id = String(++next)
    const newcomer = await world().stack.client(id)
    for (const isolate of [0, 1]) await expectProblem(await newcomer.fetch(FEED, { isolate }), 'unauthorized')
    const created = await put(id, { handle: randomName(), name: 'Newcomer' })
    expect(created.headers.getSetCookie()).toEqual([]) // the token is the user's, not the service's
    const version = created.headers.get(VERSION_HEADER)
    expect(version).not.toBeNull()
    for (const isolate of [0, 1]) expect((await pageOf(await newcomer.fetch(FEED, { isolate, version }))).posts).toEqual([])

    const without = String(++next)
    const other = await world().stack.client(without)
    await expectProblem(await other.fetch(FEED), 'unauthorized')
    expect((await put(without, { handle: randomName(), name: 'Other' })).status).toBe(201)
    expect((await other.fetch(FEED, { isolate: 1 })).status).toBe(200) // here nothing was remembered
    await within(PROMISED_MS, async () => expect((await other.fetch(FEED)).status).toBe(200))
  })
}
