import { createClient } from 'redis'
import { keyOf } from '../../contract/l2/keys.ts'
import { encodeValue } from '../../contract/l2/value.ts'
import { activitySchema } from '../../contract/post.ts'
import { crowd } from '../../origin/db/tiers.ts'
import { type Loaded, loadKeys } from '../../origin/timelines/load.ts'
import { eventually } from '../../test/support/eventually.ts'
import { makeFollows, makeUsers } from '../../test/support/people.ts'
import { startTestPostgres } from '../../test/support/postgres.ts'
import { startStack } from '../../test/support/stack.ts'

/** Authors; the first few are followed by everybody and pulled, the others are pushed. */
const CROWDED = 2
const AUTHORS = 40
const POSTS_EACH = 25
/** How many of the ordinary authors a viewer of each kind follows: 200 entries, and a full timeline of 800. */
const FOLLOWEES = { usual: 8, full: AUTHORS - CROWDED } as const
/** With its profile and its dates such a post is 500 bytes of a page. */
const TEXT = 'A calm line about the harbour in the morning, the boats going out and the gulls above them. '.repeat(3).slice(0, 255)
const HOUR_MS = 3_600_000
const LOADS_AT_ONCE = 4
const KEYS_EACH = 90
const KEYS_AT_ONCE = LOADS_AT_ONCE * KEYS_EACH
const VALUES_AT_ONCE = 500

export interface Reader {
  readonly id: string
  readonly token: string
}
export type World = Awaited<ReturnType<typeof createWorld>>

/** Everything real, with people who have read before: their parts lie in L2. */
export async function createWorld(workerBundle: string, readersOfEachKind: number) {
  const postgres = await startTestPostgres()
  const viewers = 2 * readersOfEachKind
  const origin = { CROWD_THRESHOLD: String(Math.ceil(viewers * 0.9)), CROWD_FLOOR: String(Math.ceil(viewers * 0.8)) }
  const stack = await startStack({ postgresUrl: postgres.adminUrl, workerBundle, origin })
  const redis = createClient({ url: stack.redis.url })
  await redis.connect()

  const authors = await makeUsers(stack.db, AUTHORS)
  const crowded = authors.slice(0, CROWDED)
  const ordinary = authors.slice(CROWDED)
  const usualIds = await makeUsers(stack.db, readersOfEachKind)
  const fullIds = await makeUsers(stack.db, readersOfEachKind)
  const follows = (ids: readonly string[], count: number) =>
    ids.flatMap((id, i) =>
      [...crowded, ...Array.from({ length: count }, (_, j) => ordinary[(i + j) % ordinary.length] ?? '')].map(
        (author) => [id, author] as const,
      ),
    )
  await makeFollows(stack.db, [...follows(usualIds, FOLLOWEES.usual), ...follows(fullIds, FOLLOWEES.full)])
  await eventually(async () => {
    const { authorIds } = await crowd(stack.db)
    if (authorIds.length !== CROWDED) throw new Error(`${authorIds.length} authors are crowded`)
  }, 60_000)

  const posts: string[] = []
  const clients = await Promise.all(authors.map((id) => stack.client(id)))
  for (let i = 0; i < POSTS_EACH; i++) {
    const body = JSON.stringify({ text: `${i} ${TEXT}` })
    const answers = clients.map(async (client): Promise<string> => {
      const answer = await client.fetch('/v1/posts', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      return activitySchema.parse(await answer.json()).id
    })
    posts.push(...(await Promise.all(answers)))
  }

  const shared = [
    keyOf.crowd(),
    ...crowded.map((id) => keyOf.author(id, 'public')),
    ...authors.map(keyOf.user),
    ...posts.map((id) => keyOf.post(id, 'public')),
    ...posts.map(keyOf.counts),
  ]
  const personal = [...usualIds, ...fullIds].flatMap((id) => [
    keyOf.viewer(id),
    keyOf.timeline(id),
    keyOf.author(id, 'public'),
    keyOf.marks(id),
  ])
  const own = [...shared, ...personal]
  const loaded: Loaded[] = []
  for (let i = 0; i < own.length; i += KEYS_AT_ONCE) {
    const slices = Array.from({ length: LOADS_AT_ONCE }, (_, j) => own.slice(i + j * KEYS_EACH, i + (j + 1) * KEYS_EACH))
    loaded.push(...(await Promise.all(slices.map((slice) => loadKeys(stack.db, slice)))).flat())
  }

  const readersFrom = (ids: readonly string[]): Promise<Reader[]> =>
    Promise.all(ids.map(async (id) => ({ id, token: await stack.tokenFor({ sub: id }) })))
  return {
    stack,
    author: ordinary[0] ?? '',
    post: posts.at(-1) ?? '',
    usual: await readersFrom(usualIds),
    full: await readersFrom(fullIds),
    /** Stores in L2 what was loaded, with a new life, so that nothing grows stale while it is read. */
    async renew(): Promise<void> {
      const end = Date.now() + HOUR_MS
      const life = { softExpiresAtMs: end, hardExpiresAtMs: end, graceEndsAtMs: end, deltaMs: 5, stamp: 1, tailLength: 0 }
      for (let i = 0; i < loaded.length; i += VALUES_AT_ONCE) {
        const values = loaded.slice(i, i + VALUES_AT_ONCE)
        await redis.mSet(
          values.map(({ key, truth, payload }) => [`tideline:${key}`, encodeValue({ ...life, truth, payload })] as [string, string]),
        )
      }
    },
    async stop(): Promise<void> {
      await redis.close()
      await stack.stop()
      await postgres.stop()
    },
  }
}
