import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeIds, decodeList, decodeMarks } from '../../contract/l2/codec.ts'
import { keyOf, parseKey } from '../../contract/l2/keys.ts'
import { decodePostValue } from '../../contract/l2/post-value.ts'
import { decodeUserValue } from '../../contract/l2/user-value.ts'
import { createHistoryClock } from '../histories/clock.ts'
import type { Write } from '../histories/driver.ts'
import { createOriginTwin } from '../histories/twin/origin-twin.ts'
import { eventually } from '../support/eventually.ts'
import { type Call, callerOf } from '../support/origin-caller.ts'
import { makeUsers } from '../support/people.ts'
import { mulberry32 } from '../support/random.ts'
import { type Stack, startStack } from '../support/stack.ts'

/** What both origins are asked, the one in memory and the one over Postgres. */
interface Subject {
  readonly people: readonly string[]
  /** Answers the id that was made, or why nothing was. */
  write(write: Write): Promise<string | undefined>
  /** Until all rows of timelines are written. They keep of a post what is so at that moment, and none that is deleted before a rebuild. */
  written(): Promise<void>
  /** Until all is delivered and paid. */
  settled(): Promise<void>
  load(keys: readonly string[]): Promise<readonly { readonly key: string; readonly truth: number; readonly payload: string | null }[]>
  older(viewerId: string, below: string, anchor: string, limit: number): Promise<unknown>
  olderOfAuthor(authorId: string, viewerId: string | undefined, below: string, limit: number): Promise<unknown>
  marks(viewerId: string, postIds: readonly string[]): Promise<unknown>
}

const PEOPLE = 4
const HISTORIES = 12
const WRITES = 30
const HIGHEST = '9200000000000000000'

let stack: Stack
beforeAll(async () => {
  stack = await startStack({ processes: 0, origin: { CROWD_THRESHOLD: '1000000', CROWD_FLOOR: '900000' } })
}, 120_000)
afterAll(() => stack?.stop())

const PATHS: Readonly<Record<string, readonly [method: string, path: (id: string) => string]>> = {
  repost: ['POST', (id) => `/v1/posts/${id}/repost`],
  undo: ['DELETE', (id) => `/v1/posts/${id}/repost`],
  delete: ['DELETE', (id) => `/v1/posts/${id}`],
  like: ['POST', (id) => `/v1/posts/${id}/like`],
  unlike: ['DELETE', (id) => `/v1/posts/${id}/like`],
  follow: ['POST', (id) => `/v1/users/${id}/follow`],
  unfollow: ['DELETE', (id) => `/v1/users/${id}/follow`],
  accept: ['PUT', (id) => `/v1/follow-requests/${id}`],
  mute: ['POST', (id) => `/v1/users/${id}/mute`],
  unmute: ['DELETE', (id) => `/v1/users/${id}/mute`],
  block: ['POST', (id) => `/v1/users/${id}/block`],
  unblock: ['DELETE', (id) => `/v1/users/${id}/block`],
}

async function real(): Promise<Subject> {
  const people = await makeUsers(stack.db, PEOPLE)
  const service = callerOf(stack)
  /** Until it is answered: some statements have two seconds, which a machine that stalls may take. */
  const asked = (path: string, body: unknown) =>
    eventually(async () => {
      const response = await service('POST', path, body)
      const answer = await response.json()
      expect(response.status, JSON.stringify(answer)).toBe(200)
      return answer
    })
  function request(what: Write): Promise<Response> {
    const user: Call = callerOf(stack, what.who)
    switch (what.does) {
      case 'post':
        return user('POST', '/v1/posts', { text: what.text, audience: what.audience })
      case 'go private':
      case 'go public':
        return user('PUT', `/v1/users/${what.who}/privacy`, { private: what.does === 'go private' })
      case 'suspend':
      case 'reinstate':
        return service('PUT', `/v1/users/${what.who}/suspension`, { suspended: what.does === 'suspend' })
      case 'delete account':
        return user('DELETE', `/v1/users/${what.who}`)
      default: {
        const [method, path] = PATHS[what.does] ?? ['GET', () => '']
        return user(method, path('post' in what ? what.post : what.whom))
      }
    }
  }
  return {
    people,
    async write(what) {
      const response = await request(what)
      const body = response.status === 204 ? {} : await response.json()
      if (response.status === 201) return body.id
      if (response.status >= 400) return String(body.type).split('/').at(-1)
      return response.status === 202 ? 'requested' : undefined
    },
    written: () =>
      eventually(async () => {
        const unwritten = await stack.db.execute(sql`
          select activity_id from fanout_jobs union all select viewer_id from viewers where complete_since = 9223372036854775807`)
        expect(unwritten).toEqual([])
      }, 90_000),
    settled: () =>
      eventually(async () => {
        const [row] = await stack.db.execute<{ owed: number }>(sql`
          select (select count(*) from fanout_jobs)::int + (select count(*) from fanout_chunks where pushed_at is null)::int
            + (select count(*) from invalidations where done_at is null)::int + (select count(*) from sweeps where due_at <> 'infinity')::int
            + (select count(*) from viewers where complete_since = 9223372036854775807)::int as owed`)
        expect(row?.owed).toBe(0)
      }, 90_000),
    load: async (keys) => (await asked('/internal/load', { keys })).values,
    older: (viewerId, below, anchor, limit) => asked('/internal/older', { viewerId, below, anchor, limit }),
    olderOfAuthor: (authorId, viewerId, below, limit) => asked('/internal/older-of-author', { authorId, viewerId, below, limit }),
    marks: (viewerId, postIds) => asked('/internal/marks', { viewerId, postIds }),
  }
}

function twin(seed: number): Subject {
  const clock = createHistoryClock(1_763_700_000_000)
  const { people, write, reads } = createOriginTwin(clock, seed, PEOPLE)
  return {
    people,
    async write(what) {
      const written = await clock.until(write(what))
      if ('refused' in written) return written.refused
      return written.requested ? 'requested' : written.id
    },
    async written() {
      await clock.until(clock.sleep(1_000))
    },
    async settled() {
      await clock.until(clock.sleep(5_000))
    },
    load: (keys) => clock.until(reads.load(keys)),
    older: (viewerId, below, anchor, limit) => clock.until(reads.older({ viewerId, below, anchor, limit })),
    olderOfAuthor: (authorId, viewerId, below, limit) => clock.until(reads.olderOfAuthor({ authorId, viewerId, below, limit })),
    marks: (viewerId, postIds) => clock.until(reads.marks({ viewerId, postIds })),
  }
}

/** What a payload says, with names in place of ids: the same of both. */
function told(key: string, payload: string | null): unknown {
  if (payload === null) return null
  switch (parseKey(key)?.kind) {
    case 'timeline':
    case 'merged':
    case 'author':
      return decodeList(payload, 800)
    case 'post': {
      const value = decodePostValue(payload)
      return value?.kind === 'post' ? { ...value, json: { ...JSON.parse(value.json), created_at: '' } } : value
    }
    case 'user': {
      const value = decodeUserValue(payload)
      return value?.visibility
    }
    case 'viewer':
      return JSON.parse(payload)
    case 'marks':
      return decodeMarks(payload)
    case 'crowd':
      return decodeIds(payload)
    default:
      return payload
  }
}

/** Draws the next write; `made` are the posts so far. */
function draw(random: () => number, people: number, made: number, i: number): (ids: readonly string[], posts: readonly string[]) => Write {
  const below = (n: number): number => Math.floor(random() * n)
  const who = below(people)
  const whom = (who + 1 + below(people - 1)) % people
  const nth = below(Math.max(1, made))
  const kinds = [
    'post',
    'post',
    'post',
    'repost',
    'repost',
    'undo',
    'delete',
    'like',
    'unlike',
    'follow',
    'follow',
    'follow',
    'unfollow',
    'accept',
  ] as const
  const rare = ['mute', 'unmute', 'block', 'unblock', 'go private', 'go public', 'suspend', 'reinstate', 'delete account'] as const
  const does = random() < 0.7 ? kinds[below(kinds.length)] : rare[below(random() < 0.1 ? rare.length : rare.length - 1)]
  const audience = random() < 0.3 ? 'followers' : 'public'
  return (ids, posts) => {
    const [one = '', other = '', post = HIGHEST] = [ids[who], ids[whom], posts[nth]]
    switch (does) {
      case undefined:
      case 'post':
        return { does: 'post', who: one, text: `text ${i}`, audience }
      case 'repost':
      case 'undo':
      case 'delete':
      case 'like':
      case 'unlike':
        return { does, who: one, post }
      case 'go private':
      case 'go public':
      case 'suspend':
      case 'reinstate':
      case 'delete account':
        return { does, who: one }
      default:
        return { does, who: one, whom: other }
    }
  }
}

test.each(Array.from({ length: HISTORIES }, (_, i) => i + 1))(
  'the twin of the origin answers as the origin over Postgres does: writes of seed %i',
  async (seed) => {
    const random = mulberry32(seed)
    const subjects = [twin(seed), await real()]
    const posts: string[][] = [[], []]
    const wrote: string[] = []
    for (let i = 0; i < WRITES; i++) {
      const write = draw(random, PEOPLE, posts[0]?.length ?? 0, i)
      const answers = await Promise.all(subjects.map((subject, n) => subject.write(write(subject.people, posts[n] ?? []))))
      const isId = (answer: string | undefined) => /^\d{19}$/.test(answer ?? '')
      wrote.push(`${JSON.stringify(write(subjects[0]?.people ?? [], posts[0] ?? []))}: ${isId(answers[0]) ? 'made' : answers[0]}`)
      expect(
        answers.map((answer) => (isId(answer) ? 'made' : answer)),
        wrote.join('\n'),
      ).toEqual(Array(2).fill(isId(answers[0]) ? 'made' : answers[0]))
      for (const [n, answer] of answers.entries()) if (isId(answer)) posts[n]?.push(answer ?? '')
      // Who reads is enrolled from then on.
      const reads = random() < 0.2
      if (reads) {
        const reader = Math.floor(random() * PEOPLE)
        await Promise.all(subjects.map((subject) => subject.load([keyOf.timeline(subject.people[reader] ?? '')])))
      }
      if (reads || isId(answers[0])) await Promise.all(subjects.map((subject) => subject.written()))
    }
    const said = await Promise.all(
      subjects.map(async (subject, n) => {
        await subject.settled()
        const made = posts[n] ?? []
        const names = new Map([
          ...subject.people.map((id, i) => [id, `person ${i}`] as const),
          ...made.map((id, i) => [id, `post ${i}`] as const),
        ])
        const named = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replace(/\d{19}/g, (id) => names.get(id) ?? id))
        const { people } = subject
        const audiences = ['public', 'followers'] as const
        const keys = [
          ...people.flatMap((id) => [
            keyOf.timeline(id),
            keyOf.viewer(id),
            keyOf.user(id),
            keyOf.marks(id),
            keyOf.merged(id),
            ...audiences.map((one) => keyOf.author(id, one)),
          ]),
          ...people.flatMap((id) => people.filter((other) => other !== id).map((other) => keyOf.relation(id, other))),
          ...made.flatMap((id) => [...audiences.map((one) => keyOf.post(id, one)), keyOf.counts(id)]),
        ]
        const values = (await subject.load(keys)).map(({ key, truth, payload }) => ({ key, truth, says: told(key, payload) }))
        const middle = made[Math.floor(made.length / 2)] ?? HIGHEST
        const older = await Promise.all(
          people.flatMap((id) => [subject.older(id, HIGHEST, HIGHEST, 200), subject.older(id, middle, made.at(-2) ?? HIGHEST, 3)]),
        )
        const lists = await Promise.all(
          people.flatMap((id) => [undefined, ...people].map((reader) => subject.olderOfAuthor(id, reader, HIGHEST, 200))),
        )
        const marks = made.length === 0 ? [] : await Promise.all(people.map((id) => subject.marks(id, made)))
        return { values: named(values), older: named(older), lists: named(lists), marks: named(marks) }
      }),
    )
    for (const part of ['values', 'older', 'lists', 'marks'] as const)
      expect(said[0]?.[part], `${part} after\n${wrote.join('\n')}`).toEqual(said[1]?.[part])
  },
  240_000,
)
