import { sql } from 'drizzle-orm'
import { expect } from 'vitest'
import { RAISED_HEADER } from '../../../contract/headers.ts'
import { activitySchema } from '../../../contract/post.ts'
import { parseRaised, type Raised } from '../../../contract/version-token.ts'
import { loadKeys } from '../../../origin/timelines/load.ts'
import { type Call, callerOf } from '../../support/origin-caller.ts'
import { makeUsers } from '../../support/people.ts'
import { startStack } from '../../support/stack.ts'

export interface Person {
  readonly id: string
  readonly call: Call
}

/** An origin, a Redis and a Postgres, and as many people as a test asks for. */
export async function createWorld() {
  const stack = await startStack({ processes: 0, origin: { L2_DEADLINE_MS: '20000' } }) // on a slow machine nothing becomes a debt
  return {
    stack,
    service: callerOf(stack),
    async people(count: number): Promise<Person[]> {
      return (await makeUsers(stack.db, count)).map((id) => ({ id, call: callerOf(stack, id) }))
    },
    /** What the origin loads for a key. */
    async load(key: string): Promise<string | null> {
      const [loaded] = await loadKeys(stack.db, [key])
      return loaded?.payload ?? null
    },
    /** Do both ways and rows agree that the one follows the other? */
    async follows(follower: Person, followee: Person): Promise<boolean> {
      const [row] = await stack.db.execute<{ follows: boolean; edge: boolean; enrolled: boolean }>(sql`
        select exists (select from follows where follower_id = ${follower.id} and followee_id = ${followee.id}) as follows,
          exists (select from push_edges where viewer_id = ${follower.id} and author_id = ${followee.id}) as edge,
          enrolled_at is not null as enrolled
        from viewers where viewer_id = ${follower.id}`)
      expect(row?.edge, 'an edge for each follow of an enrolled viewer, and no other').toBe(row?.follows && row.enrolled)
      return row?.follows ?? false
    },
    async requested(requester: Person, target: Person): Promise<boolean> {
      return (
        (await stack.db.execute(sql`select 1 from follow_requests where requester_id = ${requester.id} and target_id = ${target.id}`))
          .length > 0
      )
    },
    async countersHold(): Promise<void> {
      const wrong = await stack.db.execute(sql`
        select author_id from authors where follower_count <> (select count(*) from follows where followee_id = author_id)`)
      expect(wrong, 'follower counts').toEqual([])
      const miscounted = await stack.db.execute(sql`
        select post_id, sum(likes), sum(reposts) from post_counts c group by post_id
        having sum(likes) <> (select count(*) from likes l where l.post_id = c.post_id)
          or sum(reposts) <> (select count(*) from posts r where r.root_id = c.post_id and r.deleted_at is null)`)
      expect(miscounted, 'counts of posts').toEqual([])
    },
  }
}
export type World = Awaited<ReturnType<typeof createWorld>>

/** Writes a post; answers its id. */
export async function write(author: Person, text = 'a post', audience?: 'public' | 'followers'): Promise<string> {
  const response = await author.call('POST', '/v1/posts', { text, ...(audience ? { audience } : {}) })
  expect(response.status).toBe(201)
  return activitySchema.parse(await response.json()).id
}

export const statusOf = async (response: Promise<Response>): Promise<number> => (await response).status
export const answerOf = async (response: Promise<Response>): Promise<unknown> => {
  const { status, ...rest } = { status: (await response).status, body: await (await response).text() }
  return [status, rest.body === '' ? null : JSON.parse(rest.body)]
}
/** What a write raised: keys to truth versions. */
export const raisedBy = async (response: Promise<Response>): Promise<Raised> =>
  parseRaised((await response).headers.get(RAISED_HEADER) ?? '{}')
