import { mintedAtMs } from '../../contract/ids.ts'
import { encodeIds, encodeList } from '../../contract/l2/codec.ts'
import { type KeyKind, type ParsedKey, parseKey } from '../../contract/l2/keys.ts'
import { encodePostValue } from '../../contract/l2/post-value.ts'
import { AUTHOR_LIST_CAP, TIMELINE_CAP } from '../../contract/timeline.ts'
import type { Database, Queryable } from '../db/client.ts'
import { DEPARTURE_HOURS } from '../db/follows.ts'
import { findPosts, type PostRow } from '../db/posts.ts'
import { crowd } from '../db/tiers.ts'
import * as timelines from '../db/timelines.ts'
import { findUsers } from '../db/users.ts'
import { enrolAndRebuild } from './rebuild.ts'

export interface Loaded {
  readonly key: string
  readonly truth: number
  readonly payload: string | null
}

type Asked = ParsedKey & { readonly key: string }
type Answer = (key: string, truth: number, payload: string | null) => void

/**
 * Loads all keys of a request, each with the truth version of the same snapshot (one repeatable-read transaction, a query per
 * kind). A key with nothing behind it is answered with a null payload and remembered too. Viewers who are dormant are enrolled
 * and rebuilt first.
 */
export async function loadKeys(db: Database, keys: readonly string[]): Promise<Loaded[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await loadOnce(db, keys)
    } catch (error) {
      if (!(error instanceof RetiredMeanwhile) || attempt === MAX_ATTEMPTS) throw error
    }
  }
}

/** A viewer was retired, or sent to sleep by an import, between the enrolment and the snapshot: its rows say nothing. */
class RetiredMeanwhile extends Error {
  override readonly name = 'RetiredMeanwhile'
}
const MAX_ATTEMPTS = 3

async function loadOnce(db: Database, keys: readonly string[]): Promise<Loaded[]> {
  const asked = [...new Set(keys)].flatMap((key): Asked[] => {
    const parsed = parseKey(key)
    return parsed ? [{ ...parsed, key }] : []
  })
  const of = (kind: KeyKind) => asked.flatMap((one) => (one.kind === kind && 'id' in one ? [one] : []))
  for (const viewer of await timelines.findViewers(db, idsOf(of('timeline')))) {
    if (!viewer.enrolled || viewer.completeSince === timelines.NOT_REBUILT) await enrolAndRebuild(db, viewer.viewerId)
    else await timelines.noteActivity(db, viewer.viewerId)
  }
  const answers = new Map<string, Loaded>(keys.map((key) => [key, { key, truth: 0, payload: null }]))
  const answer: Answer = (key, truth, payload) => answers.set(key, { key, truth, payload })
  await db.transaction(
    async (tx) => {
      await loadPosts(tx, of('post'), answer)
      await loadUsers(tx, of('user'), answer)
      await loadViewers(tx, of('viewer'), answer)
      await loadTimelines(tx, of('timeline'), answer)
      await loadAuthors(tx, of('author'), answer)
      for (const { key } of asked.filter(({ kind }) => kind === 'crowd')) {
        const { version, authorIds } = await crowd(tx)
        answer(key, version, encodeIds(authorIds.map(String)))
      }
    },
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  )
  return [...answers.values()]
}

type Asking = readonly { readonly key: string; readonly id: string }[]
const idsOf = (asked: Asking): string[] => asked.map(({ id }) => id)
const byIdOf = <Row>(rows: readonly Row[], idOf: (row: Row) => bigint): Map<string, Row> =>
  new Map(rows.map((row) => [String(idOf(row)), row]))

/** A post as every reader's page will contain it, without anything of the viewer. */
const jsonOf = (post: PostRow): string =>
  JSON.stringify({
    id: String(post.id),
    text: post.text,
    created_at: new Date(mintedAtMs(String(post.id))).toISOString(),
    audience: 'public',
  })

function postPayload(post: PostRow): string {
  const authorId = String(post.authorId)
  if (post.deleted) return encodePostValue({ kind: 'gone' })
  return post.rootId === null || post.rootAuthorId === null
    ? encodePostValue({ kind: 'post', authorId, json: jsonOf(post) })
    : encodePostValue({ kind: 'repost', authorId, rootId: String(post.rootId), rootAuthorId: String(post.rootAuthorId) })
}

async function loadPosts(tx: Queryable, asked: Asking, answer: Answer): Promise<void> {
  const byId = byIdOf(await findPosts(tx, idsOf(asked)), (post) => post.id)
  for (const { key, id } of asked) {
    const post = byId.get(id)
    if (post) answer(key, post.version, postPayload(post))
  }
}

async function loadUsers(tx: Queryable, asked: Asking, answer: Answer): Promise<void> {
  const byId = byIdOf(await findUsers(tx, idsOf(asked)), (user) => user.id)
  for (const { key, id } of asked) {
    const user = byId.get(id)
    if (user) answer(key, user.version, JSON.stringify({ id, handle: user.handle, name: user.name }))
  }
}

async function loadViewers(tx: Queryable, asked: Asking, answer: Answer): Promise<void> {
  if (asked.length === 0) return
  const ids = idsOf(asked)
  const viewers = byIdOf(await timelines.findViewers(tx, ids), (viewer) => viewer.viewerId)
  const departures = await timelines.departuresOf(tx, ids, DEPARTURE_HOURS)
  for (const { key, id } of asked) {
    const viewer = viewers.get(id)
    const left = departures.flatMap((departure) => (String(departure.viewerId) === id ? [String(departure.authorId)] : []))
    if (viewer) answer(key, viewer.viewVersion, JSON.stringify({ followVersion: viewer.followVersion, left }))
  }
}

async function loadTimelines(tx: Queryable, asked: Asking, answer: Answer): Promise<void> {
  const viewers = byIdOf(await timelines.findViewers(tx, idsOf(asked)), (viewer) => viewer.viewerId)
  for (const { key, id } of asked) {
    const viewer = viewers.get(id)
    if (!viewer) continue
    if (!viewer.enrolled || viewer.completeSince === timelines.NOT_REBUILT) throw new RetiredMeanwhile(`viewer ${id} went dormant`)
    const rows = await timelines.timelineOf(tx, viewer.viewerId, viewer.completeSince, TIMELINE_CAP + 1)
    const candidates = (await timelines.candidatesOf(tx, viewer.viewerId)).map(String)
    const completeSince = String(rows[TIMELINE_CAP]?.activityId ?? viewer.completeSince)
    answer(key, viewer.followVersion, encodeList({ completeSince, candidates, entries: rows.slice(0, TIMELINE_CAP) }))
  }
}

async function loadAuthors(tx: Queryable, asked: Asking, answer: Answer): Promise<void> {
  if (asked.length === 0) return
  const ids = idsOf(asked)
  const versions = await timelines.postVersionsOf(tx, ids)
  const byAuthor = Map.groupBy(await timelines.listsOf(tx, ids, AUTHOR_LIST_CAP + 1), (row) => row.actorId)
  for (const { key, id } of asked) {
    const version = versions.get(id)
    if (version === undefined) continue
    const rows = byAuthor.get(id) ?? []
    const completeSince = String(rows[AUTHOR_LIST_CAP]?.activityId ?? 0n)
    answer(key, version, encodeList({ completeSince, candidates: [], entries: rows.slice(0, AUTHOR_LIST_CAP) }))
  }
}
