import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { decodeCounts } from '../../../contract/l2/counts-value.ts'
import { keyOf } from '../../../contract/l2/keys.ts'
import { insertFollow } from '../../../origin/db/follows.ts'
import { settleFollow } from '../../../origin/fanout/debts.ts'
import { eventually } from '../../support/eventually.ts'
import { expectProblem } from '../../support/expect-problem.ts'
import { answerOf, type Person, raisedBy, statusOf, type World, write } from './world.ts'

/** What each write answers and leaves behind. */
export function routes(world: () => World): void {
  const relation = (viewer: Person, author: Person) => world().load(keyOf.relation(viewer.id, author.id))
  const [following, notFollowing, requested] = [
    [200, { following: true }],
    [200, { following: false }],
    [202, { following: false, requested: true }],
  ]
  async function privatePair(): Promise<[Person, Person]> {
    const [author, reader] = (await world().people(2)) as [Person, Person]
    expect(await statusOf(author.call('PUT', `/v1/users/${author.id}/privacy`, { private: true }))).toBe(200)
    return [author, reader]
  }

  test('a private account is asked, and accepts, or not; each may be repeated', async () => {
    const [author, reader] = await privatePair()
    const follow = () => answerOf(reader.call('POST', `/v1/users/${author.id}/follow`))
    const answer = (method: string) => answerOf(author.call(method, `/v1/follow-requests/${reader.id}`))
    for (const _ of [1, 2]) expect(await follow()).toEqual(requested)
    expect([await world().follows(reader, author), await relation(reader, author)]).toEqual([false, 'n'])
    const profile = { id: reader.id, handle: `user-${reader.id}`, name: `User ${reader.id}` }
    const asked = () => answerOf(author.call('GET', '/v1/follow-requests'))
    expect(await asked()).toEqual([200, { users: [profile], next_cursor: null }])

    for (const _ of [1, 2]) expect(await answer('DELETE')).toEqual([200, { accepted: false }])
    await expectProblem(await author.call('PUT', `/v1/follow-requests/${reader.id}`), 'not-found')
    expect(await follow()).toEqual(requested)
    for (const _ of [1, 2]) expect(await answer('PUT')).toEqual([200, { accepted: true }])
    expect([await world().follows(reader, author), await relation(reader, author)]).toEqual([true, 'f'])
    expect(await asked()).toEqual([200, { users: [], next_cursor: null }])
    expect(await answer('DELETE')).toEqual([200, { accepted: true }]) // that is what removing a follower is for
    expect(await follow()).toEqual(following)

    for (const _ of [1, 2]) expect(await statusOf(author.call('DELETE', `/v1/followers/${reader.id}`))).toBe(204)
    expect([await world().follows(reader, author), await relation(reader, author)]).toEqual([false, 'n'])
    expect(await follow()).toEqual(requested)
    expect(await answerOf(reader.call('DELETE', `/v1/users/${author.id}/follow`))).toEqual(notFollowing)
    expect(await world().requested(reader, author)).toBe(false)
    await world().countersHold()
  })

  test('a follow is acknowledged when its invalidations are done, whoever copied the history', async () => {
    const [author, reader] = (await world().people(2)) as [Person, Person]
    const { db } = world().stack
    await db.transaction((tx) => insertFollow(tx, BigInt(reader.id), BigInt(author.id)))
    await settleFollow(db, BigInt(reader.id), BigInt(author.id)) // another process, which dies here
    const owed = () => db.execute(sql`select 1 from invalidations where key = ${keyOf.viewer(reader.id)} and done_at is null`)
    expect(await owed()).toHaveLength(1)
    expect(await answerOf(reader.call('POST', `/v1/users/${author.id}/follow`))).toEqual(following)
    expect(await owed()).toHaveLength(0)
  })

  test('who has left so many that their timeline is dropped still knows whom they left a moment ago', async () => {
    const [author, reader] = (await world().people(2)) as [Person, Person]
    const { db } = world().stack
    await reader.call('POST', `/v1/users/${author.id}/follow`)
    await db.execute(sql`
      insert into departures (viewer_id, author_id, left_at)
      select ${reader.id}::bigint, 1700000000000000000 + n, now() - interval '1 hour' from generate_series(1, 1000) n`)
    const raised = await raisedBy(reader.call('DELETE', `/v1/users/${author.id}/follow`))
    expect(Object.keys(raised)).toContain(keyOf.timeline(reader.id))
    // A chunk that was cut before may land in the timeline that is filled next.
    expect(JSON.parse((await world().load(keyOf.viewer(reader.id))) ?? '').left).toEqual([author.id])
  })

  test('who followed before an account went private goes on; who asked before it opened may follow', async () => {
    const [author, early, late] = (await world().people(3)) as [Person, Person, Person]
    const follow = (who: Person) => answerOf(who.call('POST', `/v1/users/${author.id}/follow`))
    const privacy = (value: boolean) => answerOf(author.call('PUT', `/v1/users/${author.id}/privacy`, { private: value }))
    expect(await follow(early)).toEqual(following)
    for (const _ of [1, 2]) expect(await privacy(true)).toEqual([200, { private: true }])
    expect([await follow(early), await follow(late)]).toEqual([following, requested])
    expect(await privacy(false)).toEqual([200, { private: false }])
    expect(await world().requested(late, author)).toBe(true)
    expect(await follow(late)).toEqual(following)
    expect(await world().requested(late, author)).toBe(false)
  })

  test('a mute hides from feeds and is told to nobody; a block ends all between two people, both ways', async () => {
    const [one, other] = (await world().people(2)) as [Person, Person]
    const say = (who: Person, method: string, verb: string, whom: Person) => answerOf(who.call(method, `/v1/users/${whom.id}/${verb}`))
    for (const [who, whom] of [
      [one, other],
      [other, one],
    ] as const)
      expect(await say(who, 'POST', 'follow', whom)).toEqual(following)
    for (const _ of [1, 2]) expect(await say(one, 'POST', 'mute', other)).toEqual([200, { muted: true }])
    expect([await relation(one, other), await relation(other, one)]).toEqual(['F', 'f'])
    expect(JSON.parse((await world().load(keyOf.viewer(one.id))) ?? '')).toMatchObject({ muted: [other.id], blocked: [] })
    for (const _ of [1, 2]) expect(await say(one, 'DELETE', 'mute', other)).toEqual([200, { muted: false }])
    expect(await relation(one, other)).toBe('f')

    for (const _ of [1, 2]) expect(await say(one, 'POST', 'block', other)).toEqual([200, { blocked: true }])
    expect([await relation(one, other), await relation(other, one)]).toEqual(['x', 'x'])
    for (const viewer of [one, other]) {
      const whom = viewer === one ? other : one
      const state = JSON.parse((await world().load(keyOf.viewer(viewer.id))) ?? '')
      expect(state).toMatchObject({ muted: [], blocked: [whom.id], left: [whom.id], followsNobody: true })
      expect(await world().follows(viewer, whom)).toBe(false)
      await expectProblem(await viewer.call('POST', `/v1/users/${whom.id}/follow`), 'blocked')
    }
    // The other's versions would tell what they do besides: the token can be read.
    const raised = await raisedBy(one.call('DELETE', `/v1/users/${other.id}/block`))
    expect(Object.keys(raised)).toEqual([keyOf.viewer(one.id), keyOf.relation(one.id, other.id)])
    for (const _ of [1, 2]) expect(await say(one, 'DELETE', 'block', other)).toEqual([200, { blocked: false }])
    expect([await relation(one, other), await relation(other, one)]).toEqual(['n', 'n'])
    expect(await say(other, 'POST', 'follow', one)).toEqual(following)
    await world().countersHold()
  })

  test('a block ends a request, and the block of one stands when the other takes theirs back', async () => {
    const [author, reader] = await privatePair()
    await reader.call('POST', `/v1/users/${author.id}/follow`)
    const raised = await raisedBy(author.call('POST', `/v1/users/${reader.id}/block`))
    // How often the other's view has changed is not told: those counters rise with every mute, block and follow of theirs.
    expect(Object.keys(raised)).toEqual([keyOf.viewer(author.id), keyOf.relation(author.id, reader.id)])
    expect(await world().requested(reader, author)).toBe(false)
    await expectProblem(await author.call('PUT', `/v1/follow-requests/${reader.id}`), 'not-found')
    await reader.call('POST', `/v1/users/${author.id}/block`)
    await author.call('DELETE', `/v1/users/${reader.id}/block`)
    expect([await relation(author, reader), await relation(reader, author)]).toEqual(['x', 'x'])
  })

  test('likes and reposts are counted once, marked, and undone', async () => {
    const [author, one, other] = (await world().people(3)) as [Person, Person, Person]
    const id = await write(author)
    const key = keyOf.counts(id)
    const counts = async () => decodeCounts((await world().load(key)) ?? '')
    for (const who of [one, other, one]) expect(await answerOf(who.call('POST', `/v1/posts/${id}/like`))).toEqual([200, { liked: true }])
    expect(await statusOf(one.call('POST', `/v1/posts/${id}/repost`))).toBe(201)
    expect(await statusOf(one.call('POST', `/v1/posts/${id}/repost`))).toBe(200)
    expect(await counts()).toEqual({ likes: 2, reposts: 1 })
    const raised = await raisedBy(other.call('DELETE', `/v1/posts/${id}/like`))
    expect(Object.keys(raised).sort()).toEqual([key, keyOf.marks(other.id)])
    expect(await statusOf(one.call('DELETE', `/v1/posts/${id}/repost`))).toBe(204)
    for (const _ of [1, 2]) expect(await answerOf(other.call('DELETE', `/v1/posts/${id}/like`))).toEqual([200, { liked: false }])
    expect(await counts()).toEqual({ likes: 1, reposts: 0 })
    await world().countersHold()
  })

  test('what one may not see is not there: to like, to repost, to undo, to delete', async () => {
    const [author, reader] = await privatePair()
    const [friend] = (await world().people(1)) as [Person]
    await friend.call('POST', `/v1/users/${author.id}/follow`)
    await author.call('PUT', `/v1/follow-requests/${friend.id}`)
    const id = await write(author)
    for (const [method, verb] of [
      ['POST', '/like'],
      ['DELETE', '/like'],
      ['POST', '/repost'],
      ['DELETE', '/repost'],
      ['DELETE', ''],
    ] as const)
      await expectProblem(await reader.call(method, `/v1/posts/${id}${verb}`), 'not-found')
    expect(await statusOf(friend.call('POST', `/v1/posts/${id}/like`))).toBe(200)
    await expectProblem(await friend.call('POST', `/v1/posts/${id}/repost`), 'forbidden')
    await expectProblem(await friend.call('DELETE', `/v1/posts/${id}`), 'forbidden')
    await author.call('DELETE', `/v1/posts/${id}`)
    for (const [method, verb] of [
      ['POST', 'like'],
      ['DELETE', 'like'],
      ['DELETE', 'repost'],
    ] as const)
      await expectProblem(await reader.call(method, `/v1/posts/${id}/${verb}`), 'not-found')
    await expectProblem(await friend.call('POST', `/v1/posts/${id}/like`), 'gone')
    for (const _ of [1, 2]) expect(await statusOf(friend.call('DELETE', `/v1/posts/${id}/like`))).toBe(200)
    expect(await statusOf(friend.call('DELETE', `/v1/posts/${id}/repost`))).toBe(204)

    // The negative twin: once everybody may see it, all of that is possible.
    await author.call('PUT', `/v1/users/${author.id}/privacy`, { private: false })
    const open = await write(author)
    for (const verb of ['like', 'repost']) expect(await statusOf(reader.call('POST', `/v1/posts/${open}/${verb}`))).toBeLessThan(300)
    const forFollowers = await write(author, 'for followers', 'followers')
    await expectProblem(await reader.call('POST', `/v1/posts/${forFollowers}/like`), 'not-found')
    await expectProblem(await author.call('POST', `/v1/posts/${forFollowers}/repost`), 'forbidden')
    await author.call('POST', `/v1/users/${reader.id}/block`)
    await expectProblem(await reader.call('POST', `/v1/posts/${open}/like`), 'not-found')
  })

  test('a suspended account reads and hides, and does nothing that others see; back again all is as it was', async () => {
    const [author, reader] = (await world().people(2)) as [Person, Person]
    await reader.call('POST', `/v1/users/${author.id}/follow`)
    const id = await write(author)
    const suspend = (suspended: boolean) => answerOf(world().service('PUT', `/v1/users/${author.id}/suspension`, { suspended }))
    for (const _ of [1, 2]) expect(await suspend(true)).toEqual([200, { suspended: true }])
    expect(await world().load(keyOf.post(id, 'public'))).toBe('x')
    expect(await world().load(keyOf.post(id, 'followers'))).toBe('x')
    expect(await world().load(keyOf.user(author.id))).toMatch(/^s\{/)
    for (const [method, path, body] of [
      ['POST', '/v1/posts', { text: 'I am back' }],
      ['POST', `/v1/posts/${id}/like`, undefined],
      ['POST', `/v1/users/${reader.id}/follow`, undefined],
      ['PUT', `/v1/follow-requests/${reader.id}`, undefined],
    ] as const)
      await expectProblem(await author.call(method, path, body), 'forbidden')
    expect(await statusOf(author.call('POST', `/v1/users/${reader.id}/mute`))).toBe(200)
    expect(await statusOf(author.call('GET', '/v1/mutes'))).toBe(200)
    for (const path of [`/v1/users/${author.id}/follow`, `/v1/users/${author.id}/mute`, `/v1/posts/${id}/like`])
      await expectProblem(await reader.call('POST', path), 'not-found')
    expect(await world().follows(reader, author)).toBe(true)
    expect(await suspend(false)).toEqual([200, { suspended: false }])
    expect(await world().load(keyOf.post(id, 'public'))).toMatch(/^p/)
    expect(await statusOf(reader.call('POST', `/v1/posts/${id}/like`))).toBe(200)
  })

  test('a deleted account is absent, its handle stays taken, and its follows go', async () => {
    const [author, reader, followee] = (await world().people(3)) as [Person, Person, Person]
    await reader.call('POST', `/v1/users/${author.id}/follow`)
    await author.call('POST', `/v1/users/${followee.id}/follow`)
    const id = await write(author)
    for (const _ of [1, 2]) expect(await statusOf(author.call('DELETE', `/v1/users/${author.id}`))).toBe(204)
    expect(await statusOf(world().service('DELETE', `/v1/users/${author.id}`))).toBe(204)
    const keys = [keyOf.user(author.id), keyOf.viewer(author.id), keyOf.author(author.id, 'public'), keyOf.relation(author.id, reader.id)]
    for (const key of keys) expect([key, await world().load(key)]).toEqual([key, null])
    expect(await world().load(keyOf.post(id, 'public'))).toBe('x')
    await expectProblem(await author.call('POST', '/v1/posts', { text: 'a ghost' }), 'unauthorized')
    await expectProblem(await reader.call('POST', `/v1/users/${author.id}/follow`), 'not-found')
    await expectProblem(await author.call('GET', '/v1/blocks'), 'unauthorized')
    await expectProblem(await author.call('DELETE', `/v1/posts/${id}`), 'unauthorized')
    await expectProblem(await author.call('DELETE', `/v1/users/${followee.id}/follow`), 'unauthorized')
    const put = (userId: string) => world().service('PUT', `/v1/users/${userId}`, { handle: `user-${author.id}`, name: 'Somebody' })
    for (const userId of [author.id, '1999999999999999999']) await expectProblem(await put(userId), 'conflict')
    await eventually(async () =>
      expect(await world().stack.db.execute(sql`select 1 from follows where ${author.id} in (follower_id, followee_id)`)).toHaveLength(0),
    )
    expect(await relation(reader, author)).toBe('n')
    expect(JSON.parse((await world().load(keyOf.viewer(reader.id))) ?? '').followsNobody).toBe(true)
    await world().countersHold()
  })

  test('only an account itself, or a service, changes who may see it; only a service suspends', async () => {
    const [one, other] = (await world().people(2)) as [Person, Person]
    const [, unknown] = ['', '1999999999999999998']
    await expectProblem(await one.call('PUT', `/v1/users/${other.id}/privacy`, { private: true }), 'forbidden')
    await expectProblem(await one.call('DELETE', `/v1/users/${other.id}`), 'forbidden')
    await expectProblem(await one.call('PUT', `/v1/users/${one.id}/suspension`, { suspended: false }), 'forbidden')
    expect(await statusOf(world().service('PUT', `/v1/users/${one.id}/privacy`, { private: true }))).toBe(200)
    for (const [method, path, body] of [
      ['PUT', `/v1/users/${unknown}/privacy`, { private: true }],
      ['PUT', `/v1/users/${unknown}/suspension`, { suspended: true }],
      ['DELETE', `/v1/users/${unknown}`, undefined],
    ] as const)
      await expectProblem(await world().service(method, path, body), 'not-found')
    for (const path of [`/v1/users/${one.id}/mute`, `/v1/users/${one.id}/block`, `/v1/users/${one.id}/follow`]) {
      await expectProblem(await one.call('POST', path), 'bad-request')
      await expectProblem(await one.call('POST', path.replace(one.id, unknown)), 'not-found')
      await expectProblem(await world().service('POST', path), 'forbidden')
    }
    await expectProblem(await one.call('PUT', `/v1/users/${one.id}/privacy`, { private: 'yes' }), 'bad-request')
    await expectProblem(await one.call('POST', '/v1/posts', { text: 'x', audience: 'friends' }), 'bad-request')
  })

  test('lists go page by page, hold the caller’s own people alone, and none who is gone', async () => {
    const [owner, ...others] = (await world().people(6)) as [Person, ...Person[]]
    for (const other of others) await owner.call('POST', `/v1/users/${other.id}/mute`)
    await world().service('DELETE', `/v1/users/${others[2]?.id}`)
    const pageOf = async (who: Person, query: string) =>
      (await (await who.call('GET', `/v1/mutes${query}`)).json()) as { users: { id: string }[]; next_cursor: string | null }
    const found: string[] = []
    let cursor: string | null = null
    do {
      const page = await pageOf(owner, `?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`)
      expect(page.users.length).toBeLessThanOrEqual(2)
      found.push(...page.users.map(({ id }) => id))
      cursor = page.next_cursor
    } while (cursor !== null)
    expect(found).toEqual([4, 3, 1, 0].map((i) => others[i]?.id))
    for (const other of [others[0], others[1]] as Person[]) expect((await pageOf(other, '')).users).toEqual([])
    for (const query of ['?limit=0', '?limit=101', '?limit=1e1'])
      await expectProblem(await owner.call('GET', `/v1/mutes${query}`), 'bad-request')
    await expectProblem(await owner.call('GET', '/v1/blocks?cursor=x'), 'bad-cursor')
    await expectProblem(await world().service('GET', '/v1/follow-requests'), 'forbidden')
  })
}
