import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { keyOf } from '../../../contract/l2/keys.ts'
import { setPrivate } from '../../../origin/db/accounts.ts'
import type { Queryable } from '../../../origin/db/client.ts'
import { deleteActivity } from '../../../origin/db/posts.ts'
import { eventually } from '../../support/eventually.ts'
import { answerOf, type Person, raisedBy, statusOf, type World, write } from './world.ts'

/** Statements that wait for the row of an author. */
const waitsForAuthors = (db: Queryable) =>
  db.execute(sql`
    select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%authors%'`)

const drops = (db: Queryable, key: string) => db.execute(sql`select 1 from invalidations where key = ${key}`)

/** What happens when two people, or one twice, do something at the same moment. */
export function atOnce(world: () => World, rounds: number): void {
  const each = async (round: () => Promise<void>) => {
    for (let i = 0; i < rounds; i++) await round()
    await world().countersHold()
  }

  test('a follow and a block at once: the block stands, and nobody follows', () =>
    each(async () => {
      const [one, other] = (await world().people(2)) as [Person, Person]
      const follow = (who: Person, whom: Person) => statusOf(who.call('POST', `/v1/users/${whom.id}/follow`))
      const [first, second, block] = await Promise.all([
        follow(one, other),
        follow(other, one),
        statusOf(one.call('POST', `/v1/users/${other.id}/block`)),
      ])
      expect([200, 403]).toContain(first)
      expect([200, 403]).toContain(second)
      expect(block).toBe(200)
      for (const [viewer, author] of [
        [one, other],
        [other, one],
      ] as const) {
        expect(await world().follows(viewer, author)).toBe(false)
        expect(await world().load(keyOf.relation(viewer.id, author.id))).toBe('x')
      }
    }))

  test('two block each other, follow and unblock at once: everybody is answered, and both blocks are as they were left', () =>
    each(async () => {
      const [one, other] = (await world().people(2)) as [Person, Person]
      const say = (who: Person, method: string, verb: string, whom: Person) => statusOf(who.call(method, `/v1/users/${whom.id}/${verb}`))
      const pairs = [
        [one, other],
        [other, one],
      ] as const
      const statuses = await Promise.all(
        pairs.flatMap(([who, whom]) => [
          say(who, 'POST', 'block', whom),
          say(who, 'POST', 'follow', whom),
          say(who, 'DELETE', 'mute', whom),
          say(who, 'POST', 'mute', whom),
        ]),
      )
      for (const status of statuses) expect([200, 403]).toContain(status)
      await Promise.all(pairs.map(([who, whom]) => say(who, 'DELETE', 'block', whom)))
      for (const [who, whom] of pairs) expect(await world().load(keyOf.relation(who.id, whom.id))).toMatch(/^[nN]$/)
    }))

  test('a request is accepted, turned down and withdrawn at once: it is gone, and a follow stands only where it was accepted', () =>
    each(async () => {
      const [author, reader] = (await world().people(2)) as [Person, Person]
      await author.call('PUT', `/v1/users/${author.id}/privacy`, { private: true })
      await reader.call('POST', `/v1/users/${author.id}/follow`)
      const request = `/v1/follow-requests/${reader.id}`
      const [accepted, rejected] = await Promise.all([
        author.call('PUT', request).then((one) => one.status),
        answerOf(author.call('DELETE', request)),
      ])
      const follows = await world().follows(reader, author)
      expect(await world().requested(reader, author)).toBe(false)
      expect([accepted, rejected, follows]).toEqual(
        accepted === 200 ? [200, [200, { accepted: true }], true] : [404, [200, { accepted: false }], false],
      )
    }))

  test('going private and a follow at once: the follow stands, or is a request', () =>
    each(async () => {
      const [author, reader] = (await world().people(2)) as [Person, Person]
      const [status] = await Promise.all([
        statusOf(reader.call('POST', `/v1/users/${author.id}/follow`)),
        statusOf(author.call('PUT', `/v1/users/${author.id}/privacy`, { private: true })),
      ])
      expect([await world().follows(reader, author), await world().requested(reader, author)]).toEqual([status === 200, status === 202])
    }))

  test('the last post for followers goes while another is written: the public list is told that there is more again', async () => {
    const { db } = world().stack
    const [author] = (await world().people(1)) as [Person]
    const [last, key] = [await write(author, 'the last one', 'followers'), keyOf.author(author.id, 'public')]
    const [deleted, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const deleting = db.transaction(async (tx) => {
      await deleteActivity(tx, BigInt(last), BigInt(author.id))
      deleted.resolve()
      await held.promise
    })
    await deleted.promise
    const writing = raisedBy(author.call('POST', '/v1/posts', { text: 'one more', audience: 'followers' }))
    await eventually(async () => expect(await waitsForAuthors(db)).toHaveLength(1)).finally(() => held.resolve())
    await deleting
    await writing
    expect(await drops(db, key), 'for the first, and for the first again').toHaveLength(2)
    // The negative twin: where another one stands, the list knows already.
    await write(author, 'and more', 'followers')
    expect(await drops(db, key)).toHaveLength(2)
  })

  test('an account goes private while its first post is written: the public list is told that there is more for followers', async () => {
    const { db } = world().stack
    const [author] = (await world().people(1)) as [Person]
    const [changed, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const goingPrivate = db.transaction(async (tx) => {
      await setPrivate(tx, BigInt(author.id), true)
      changed.resolve()
      await held.promise
    })
    await changed.promise
    const writing = raisedBy(author.call('POST', '/v1/posts', { text: 'the first one' }))
    await eventually(async () => expect(await waitsForAuthors(db)).toHaveLength(1)).finally(() => held.resolve())
    await goingPrivate
    expect(Object.keys(await writing).sort()).toEqual([keyOf.author(author.id, 'followers'), keyOf.author(author.id, 'public')])
    expect(await drops(db, keyOf.author(author.id, 'public'))).toHaveLength(1)
  })

  test('likes and their ends at once, of one and of many: counts are what stands', async () => {
    const [author, ...fans] = (await world().people(9)) as [Person, ...Person[]]
    const id = await write(author)
    for (let i = 0; i < rounds; i++) {
      const verbs = fans.flatMap((fan) => ['POST', 'DELETE', 'POST'].map((method) => statusOf(fan.call(method, `/v1/posts/${id}/like`))))
      const reposts = fans.map((fan) => statusOf(fan.call(i % 2 === 0 ? 'POST' : 'DELETE', `/v1/posts/${id}/repost`)))
      for (const status of await Promise.all([...verbs, ...reposts])) expect(status).toBeLessThan(300)
      await world().countersHold()
    }
  })
}
