import { encodeIds, encodeList } from '../../contract/l2/codec.ts'
import { type ParsedKey, parseKey } from '../../contract/l2/keys.ts'
import { AUTHOR_LIST_CAP, MARKS_CAP, MAX_HIDDEN, MERGED_CAP, POPULAR_CAP, TIMELINE_CAP } from '../../contract/timeline.ts'
import { findAuthors, listsOf } from '../db/author-lists.ts'
import { type Database, prepared, type Queryable } from '../db/client.ts'
import { DEPARTURE_HOURS } from '../db/follows.ts'
import { countsOf, marksOf } from '../db/likes.ts'
import { mergedOf } from '../db/merged.ts'
import { popularPosts } from '../db/popular.ts'
import { findPosts } from '../db/posts.ts'
import { unwrittenTimelineOf } from '../db/rebuilds.ts'
import { hiddenOf, relationsOf } from '../db/relations.ts'
import { crowd } from '../db/tiers.ts'
import { bigFolloweesOf, timelineOf } from '../db/timelines.ts'
import { findAccounts } from '../db/users.ts'
import { departuresOf, enrol, findViewers, NOT_REBUILT, noteActivity } from '../db/viewers.ts'
import * as payloads from './payloads.ts'

export interface Loaded {
  readonly key: string
  readonly truth: number
  readonly payload: string | null
}

type Asked<K = ParsedKey> = K & { readonly key: string }
type OfKind<K, P = ParsedKey> = P extends { readonly kind: infer Kinds } ? (K extends Kinds ? P : never) : never
type Asking<K> = readonly Asked<OfKind<K>>[]
type Answer = (key: string, made: payloads.Made) => void

/**
 * Loads all keys of a request, each with the truth version of the same snapshot (one repeatable-read transaction, a query per
 * kind). A key with nothing behind it is answered with a null payload and remembered too. Viewers who are dormant are enrolled
 * first and answered from the posts: `rebuildLater` is told whose rows are still to be written.
 */
export async function loadKeys(
  db: Database,
  keys: readonly string[],
  rebuildLater: (viewerId: bigint) => void = () => {},
): Promise<Loaded[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await loadOnce(db, keys, rebuildLater)
    } catch (error) {
      if (!(error instanceof RetiredMeanwhile) || attempt === MAX_ATTEMPTS) throw error
    }
  }
}

/** A viewer was retired, or sent to sleep by an import, between the enrolment and the snapshot: nothing is pushed to it. */
class RetiredMeanwhile extends Error {
  override readonly name = 'RetiredMeanwhile'
}
const MAX_ATTEMPTS = 3

async function loadOnce(db: Database, keys: readonly string[], rebuildLater: (viewerId: bigint) => void): Promise<Loaded[]> {
  const asked = [...new Set(keys)].flatMap((key): Asked[] => {
    const parsed = parseKey(key)
    return parsed ? [{ ...parsed, key }] : []
  })
  const of = <K extends ParsedKey['kind']>(kind: K): Asking<K> => asked.filter((one): one is Asking<K>[number] => one.kind === kind)
  const unwritten: bigint[] = []
  for (const viewer of await findViewers(prepared(db), idsOf(of('timeline')))) {
    if (viewer.deleted) continue
    if (!viewer.enrolled) await db.transaction((tx) => enrol(tx, viewer.viewerId))
    else await noteActivity(prepared(db), viewer.viewerId)
    if (!viewer.enrolled || viewer.completeSince === NOT_REBUILT) unwritten.push(viewer.viewerId)
  }
  const answers = new Map<string, Loaded>(keys.map((key) => [key, { key, truth: 0, payload: null }]))
  const answer: Answer = (key, made) => answers.set(key, { key, ...made })
  await db.transaction(
    async (transaction) => {
      const tx = prepared(transaction)
      await loadPosts(tx, of('post'), answer)
      await loadUsers(tx, of('user'), answer)
      await loadViewers(tx, of('viewer'), answer)
      await loadRelations(tx, of('relation'), answer)
      await loadTimelines(tx, of('timeline'), answer)
      await loadAuthors(tx, of('author'), answer)
      await loadCounts(tx, of('counts'), answer)
      await loadMarks(tx, of('marks'), answer)
      await loadMerged(tx, of('merged'), answer)
      for (const { key } of of('crowd')) {
        const { version, authorIds } = await crowd(tx)
        answer(key, { truth: version, payload: encodeIds(authorIds.map(String)) })
      }
      for (const { key } of of('popular')) {
        const { version, entries } = await popularPosts(tx, POPULAR_CAP)
        answer(key, { truth: version, payload: encodeList({ completeSince: '0', candidates: [], entries }) })
      }
    },
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  )
  for (const viewerId of unwritten) rebuildLater(viewerId)
  return [...answers.values()]
}

const idsOf = (asked: readonly { readonly id: string }[]): string[] => [...new Set(asked.map(({ id }) => id))]
const byIdOf = <Row>(rows: readonly Row[], idOf: (row: Row) => bigint | string): Map<string, Row> =>
  new Map(rows.map((row) => [String(idOf(row)), row]))

async function loadPosts(tx: Queryable, asked: Asking<'post'>, answer: Answer): Promise<void> {
  const byId = byIdOf(await findPosts(tx, idsOf(asked)), (post) => post.id)
  for (const { key, id, audience } of asked) {
    const post = byId.get(id)
    if (post) answer(key, payloads.postValue(post, audience))
  }
}

async function loadUsers(tx: Queryable, asked: Asking<'user'>, answer: Answer): Promise<void> {
  const byId = byIdOf(await findAccounts(tx, idsOf(asked)), (user) => user.id)
  for (const { key, id } of asked) {
    const user = byId.get(id)
    if (user) answer(key, payloads.userValue(user))
  }
}

async function loadViewers(tx: Queryable, asked: Asking<'viewer'>, answer: Answer): Promise<void> {
  if (asked.length === 0) return
  const ids = idsOf(asked)
  const viewers = byIdOf(await findViewers(tx, ids), (viewer) => viewer.viewerId)
  const departures = Map.groupBy(await departuresOf(tx, ids, DEPARTURE_HOURS), ({ viewerId }) => String(viewerId))
  const hidden = byIdOf(await hiddenOf(tx, ids, MAX_HIDDEN + 1), (row) => row.viewerId)
  for (const { key, id } of asked) {
    const viewer = viewers.get(id)
    const hides = hidden.get(id)
    const left = (departures.get(id) ?? []).map(({ authorId }) => String(authorId))
    if (viewer && hides) answer(key, payloads.viewerValue(viewer, left, hides))
  }
}

async function loadRelations(tx: Queryable, asked: Asking<'relation'>, answer: Answer): Promise<void> {
  const pairs = asked.map(({ id, authorId }) => ({ viewerId: id, authorId }))
  const rows = new Map((await relationsOf(tx, pairs)).map((row) => [`${row.viewerId}:${row.authorId}`, row]))
  for (const { key, id, authorId } of asked) {
    const row = rows.get(`${id}:${authorId}`)
    if (row) answer(key, payloads.relationValue(row))
  }
}

async function loadTimelines(tx: Queryable, asked: Asking<'timeline'>, answer: Answer): Promise<void> {
  const viewers = byIdOf(await findViewers(tx, idsOf(asked)), (viewer) => viewer.viewerId)
  for (const { key, id } of asked) {
    const viewer = viewers.get(id)
    if (!viewer) continue
    if (viewer.deleted) {
      answer(key, { truth: viewer.followVersion, payload: null })
      continue
    }
    if (!viewer.enrolled) throw new RetiredMeanwhile(`viewer ${id} went dormant`)
    const big = await bigFolloweesOf(tx, viewer.viewerId)
    const candidates = big.candidates.map(String)
    if (viewer.completeSince === NOT_REBUILT) {
      const { completeSince, entries } = await unwrittenTimelineOf(tx, viewer.viewerId, TIMELINE_CAP)
      answer(key, payloads.timelineValue({ ...viewer, completeSince }, entries, candidates))
    } else {
      const rows = await timelineOf(tx, viewer.viewerId, viewer.completeSince, TIMELINE_CAP + 1, big.unpushed)
      answer(key, payloads.timelineValue(viewer, rows, candidates))
    }
  }
}

async function loadAuthors(tx: Queryable, asked: Asking<'author'>, answer: Answer): Promise<void> {
  if (asked.length === 0) return
  const authors = byIdOf(await findAuthors(tx, idsOf(asked)), (author) => author.authorId)
  for (const [audience, lists] of Map.groupBy(asked, (one) => one.audience)) {
    const rows = Map.groupBy(await listsOf(tx, idsOf(lists), audience, AUTHOR_LIST_CAP + 1), (row) => row.actorId)
    for (const { key, id } of lists) {
      const author = authors.get(id)
      if (author) answer(key, payloads.authorValue(author, audience, rows.get(id) ?? []))
    }
  }
}

async function loadCounts(tx: Queryable, asked: Asking<'counts'>, answer: Answer): Promise<void> {
  const byId = byIdOf(await countsOf(tx, idsOf(asked)), (counts) => counts.postId)
  for (const { key, id } of asked) answer(key, payloads.countsValue(byId.get(id)))
}

async function loadMarks(tx: Queryable, asked: Asking<'marks'>, answer: Answer): Promise<void> {
  const viewers = byIdOf(await findViewers(tx, idsOf(asked)), (viewer) => viewer.viewerId)
  for (const { key, id } of asked) {
    const viewer = viewers.get(id)
    if (viewer) answer(key, payloads.marksValue(viewer, await marksOf(tx, id, MARKS_CAP + 1)))
  }
}

async function loadMerged(tx: Queryable, asked: Asking<'merged'>, answer: Answer): Promise<void> {
  const viewers = byIdOf(await findViewers(tx, idsOf(asked)), (viewer) => viewer.viewerId)
  for (const { key, id } of asked) {
    const viewer = viewers.get(id)
    if (viewer) answer(key, payloads.mergedValue(viewer, await mergedOf(tx, viewer.viewerId, MERGED_CAP + 1)))
  }
}
