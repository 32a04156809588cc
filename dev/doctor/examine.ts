import { randomUUID } from 'node:crypto'
import { keyOf } from '../../contract/l2/keys.ts'
import { type EdgeLooked, MAX_LOOK_ENTRIES } from '../../contract/look.ts'
import { PROMISED_MS } from '../../contract/promise.ts'
import { importKey } from '../../contract/signed.ts'
import { createEdgeLook } from '../../origin/adapters/edge.ts'
import { createL2Reader } from '../../origin/adapters/l2-reader.ts'
import type { Database } from '../../origin/db/client.ts'
import { changesOf } from '../../origin/db/consistency-facts.ts'
import { findReader, type ReaderRow, type Whereabouts, whereabouts } from '../../origin/db/doctor.ts'
import { oracleActivities } from '../../origin/db/oracle.ts'
import type { ReadTexts } from '../../origin/monitor/answers.ts'
import { UsageError } from '../command-line.ts'
import { reasonOf } from '../preflight/check.ts'
import { issueToken } from '../ready.ts'
import { compare, type Difference } from './compare.ts'
import { type Evidence, type Explanation, explain } from './explain.ts'
import { type About, evidenceInL2, toldKeysOf } from './l2-evidence.ts'
import { type Scroll, scroll } from './scroll.ts'
import type { Target } from './target.ts'

export interface Question {
  readonly reader: string
  readonly pageSize: number
  readonly maxPages: number
  readonly maxPosts: number
  readonly onPage: (pages: number, posts: number) => void
}

export interface Examination {
  /** As they were before the scroll. */
  readonly reader: ReaderRow
  readonly scroll: Scroll
  /** Activities of the oracle that were compared with. */
  readonly activities: number
  readonly differences: readonly (Difference & Explanation)[]
  /** Differences beyond those that were explained. */
  readonly unexplained: number
}

/** So many differences are explained: one cause mostly has many. */
const MAX_EXPLAINED = 20
const L2_DEADLINE_MS = 5_000
const TOKEN_HOURS = 1

const timeoutSignal = (ms: number): AbortSignal => AbortSignal.timeout(ms)

/** Ways to look at L2 and at an isolate's memory; where there is none, the reason. */
export interface Sights {
  readonly l2: ReadTexts | { readonly unseen: string }
  readonly edge: ((keys: readonly string[]) => Promise<EdgeLooked[]>) | { readonly unseen: string }
}

export async function sightsOf({ l2, edgeSecret, workerUrl }: Target): Promise<Sights> {
  const clock = { nowMs: () => Date.now() }
  return {
    l2: l2
      ? createL2Reader({ ...l2, deadlineMs: L2_DEADLINE_MS, timeoutSignal })
      : { unseen: 'UPSTASH_REDIS_REST_URL and its token are not set' },
    edge:
      edgeSecret && workerUrl
        ? createEdgeLook({
            url: workerUrl,
            key: await importKey(edgeSecret),
            deadlineMs: L2_DEADLINE_MS,
            clock,
            newRequestId: randomUUID,
            timeoutSignal,
          })
        : { unseen: 'EDGE_SECRET is not set' },
  }
}

/** Reads a reader's feed, asks the oracle afterwards, and explains where the two part. Throws where there is no such reader. */
export async function examine(db: Database, target: Target, question: Question): Promise<Examination> {
  const reader = await findReader(db, question.reader)
  if (!reader) throw new UsageError(`there is no user "${question.reader}"`)
  if (!target.jwtSecret) throw new UsageError('which token? Set JWT_SECRET, the one of the worker')
  if (!target.workerUrl) throw new UsageError('which worker? Give --url, or set EDGE_URL')
  const token = await issueToken(target.jwtSecret, { sub: reader.id }, TOKEN_HOURS)
  const seen = await scroll({ ...question, workerUrl: target.workerUrl, token })
  const complete = seen.ended === 'end'
  // A reader who follows nobody is shown what is popular, which the oracle knows nothing of.
  const isCompared = seen.source === 'following' && (complete || seen.lines.length > 0)
  const activities = isCompared ? await oracleActivities(db, reader.id, complete ? '0' : seen.lines.at(-1)?.activityId) : []
  const differences = isCompared ? compare(activities, { lines: seen.lines, readAtMs: reader.nowMs, complete }, PROMISED_MS) : []
  const worstFirst = differences.toSorted((a, b) => rankOf(a) - rankOf(b)).slice(0, MAX_EXPLAINED)
  const sights = await sightsOf(target)
  const now = (await findReader(db, reader.id)) ?? reader
  const explained = await Promise.all(
    worstFirst.map(async (difference) => ({ ...difference, ...explain(difference, await evidenceOf(db, sights, now, difference)) })),
  )
  return {
    reader,
    scroll: seen,
    activities: activities.length,
    differences: explained,
    unexplained: differences.filter((one) => !worstFirst.includes(one) && one.verdict !== 'late within the promise').length,
  }
}

const rankOf = ({ verdict }: Difference): number => ['wrong', 'late beyond the promise', 'late within the promise'].indexOf(verdict)

/** What Postgres, L2 and an isolate hold of an activity. */
export async function evidenceOf(
  db: Database,
  sights: Sights,
  reader: ReaderRow,
  { activityId, rootId, activity }: Pick<Difference, 'activityId' | 'rootId' | 'activity'>,
): Promise<Evidence> {
  const [row] = await whereabouts(db, reader.id, [activityId])
  const about: About = {
    viewerId: reader.id,
    activityId,
    rootId,
    actorId: activity?.actorId ?? row?.actorId ?? activityId,
    authorId: activity?.authorId ?? row?.authorId ?? activityId,
    audience: row?.audience ?? 'public',
  }
  const [l2, edge, changes] = await Promise.all([
    typeof sights.l2 === 'function' ? evidenceInL2(sights.l2, about).catch((error) => ({ unseen: reasonOf(error) })) : sights.l2,
    atEdge(sights.edge, about, listKeyOf(about, row)),
    changesOf(db, toldKeysOf(about)),
  ])
  return { reader, about, row, l2, edge, owed: changes.filter(({ acknowledgedAtMs }) => acknowledgedAtMs === undefined) }
}

/** The list that should bring an activity: pulled ones and the reader's own are in the author's. */
const listKeyOf = ({ viewerId, actorId, audience }: About, row: Whereabouts | undefined): string =>
  row?.mode === 'pull' || actorId === viewerId ? keyOf.author(actorId, audience) : keyOf.timeline(viewerId)

async function atEdge(look: Sights['edge'], { activityId }: About, key: string): Promise<Evidence['edge']> {
  if (typeof look !== 'function') return look
  try {
    const [looked] = await look([key])
    const entries = looked?.list?.entries ?? []
    const isBelow = entries.length === MAX_LOOK_ENTRIES && (entries.at(-1)?.activityId ?? '') > activityId
    if (isBelow) return { unseen: `it tells of the newest ${MAX_LOOK_ENTRIES} entries only` }
    return {
      key,
      layer: looked?.layer ?? 'none',
      ageMs: looked?.ageMs ?? 0,
      holds: entries.some((entry) => entry.activityId === activityId),
    }
  } catch (error) {
    return { unseen: reasonOf(error) }
  }
}
