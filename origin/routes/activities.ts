import { type Context, Hono } from 'hono'
import {
  ACTIVITY_KINDS,
  type ActivityPage,
  activityKindsSchema,
  DEFAULT_ACTIVITIES,
  type LoggedActivity,
  MAX_ACTIVITIES,
} from '../../contract/activities.ts'
import { Problem } from '../../contract/problem.ts'
import { type ActivityRow, activitiesBetween, beginLogAnew, type LogFacts, type LogPosition, logFacts } from '../db/activities.ts'
import type { Database } from '../db/client.ts'
import type { OriginEnv } from '../http/identity.ts'

/** The log of activities for other consumers: at least once, in order, never behind what commits late (docs/consumers.md). */
export function activityRoutes({ db }: { readonly db: Database }): Hono<OriginEnv> {
  const routes = new Hono<OriginEnv>()
  routes.get('/v1/activities', async (c) => {
    if (!c.get('caller').service) throw new Problem('forbidden', 'Only a service token may read the log.')
    const asked = { cursor: parseCursor(c.req.query('cursor')), limit: parseLimit(c), kinds: parseKinds(c), from: parseFrom(c) }
    if (asked.cursor && c.req.query('from') !== undefined) throw new Problem('bad-request', 'Send either cursor or from.')
    const page = await readPage(db, asked)
    return c.json(page, 200, { 'cache-control': 'no-store' })
  })
  return routes
}

interface Asked {
  readonly cursor: { readonly log: string; readonly position: LogPosition } | undefined
  readonly limit: number
  readonly kinds: readonly LoggedActivity['kind'][] | undefined
  readonly from: 'oldest' | 'newest'
}

/** In one snapshot, so that nothing is pruned between the look at the log and its rows. */
async function readPage(db: Database, { cursor, limit, kinds, from }: Asked): Promise<ActivityPage> {
  const page = await db.transaction(
    async (tx): Promise<ActivityPage | undefined> => {
      const log = await logFacts(tx, cursor?.position)
      if (log.moved) return undefined
      if (cursor) requireKept(log, cursor.log)
      const after = cursor?.position ?? log[from]
      const { activities, readTo } = await activitiesBetween(tx, { after, newest: log.newest, limit, kinds })
      return {
        activities: activities.map((row) => toActivity(log.name, row)),
        next_cursor: cursorOf(log.name, readTo),
        up_to_date: readTo === log.newest,
      }
    },
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  )
  if (page) return page
  await beginLogAnew(db)
  return readPage(db, { cursor, limit, kinds, from })
}

/** Throws where something between the cursor and the log may be missing. */
function requireKept(log: LogFacts, cursorLog: string): void {
  const begin = 'Begin anew: ask with from=newest, copy what you need from the tables, then read on from there.'
  if (cursorLog !== log.name || log.ahead) throw new Problem('cursor-expired', `The database was restored since this cursor. ${begin}`)
  if (log.pruned) throw new Problem('cursor-expired', `What followed this cursor was pruned. ${begin}`)
}

const cursorOf = (log: string, { xid, seq }: LogPosition): string => `${log}.${xid}.${seq}`

function parseCursor(text: string | undefined): Asked['cursor'] {
  if (text === undefined) return undefined
  const [, log, xid, seq] = /^([0-9a-f]{16})\.(\d{1,18})\.(\d{1,18})$/.exec(text) ?? []
  if (log === undefined || xid === undefined || seq === undefined) throw new Problem('bad-cursor', 'The cursor is damaged.')
  return { log, position: { xid, seq } }
}

function parseLimit(c: Context<OriginEnv>): number {
  const text = c.req.query('limit') ?? String(DEFAULT_ACTIVITIES)
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > MAX_ACTIVITIES) throw new Problem('bad-request', `limit is a whole number from 1 to ${MAX_ACTIVITIES}.`)
  return limit
}

function parseKinds(c: Context<OriginEnv>): Asked['kinds'] {
  const kinds = activityKindsSchema.optional().safeParse(c.req.query('kinds'))
  if (!kinds.success) throw new Problem('bad-request', `kinds are separated by commas: ${ACTIVITY_KINDS.join(', ')}.`)
  return kinds.data
}

function parseFrom(c: Context<OriginEnv>): Asked['from'] {
  const from = c.req.query('from') ?? 'oldest'
  if (from !== 'oldest' && from !== 'newest') throw new Problem('bad-request', 'from is oldest or newest.')
  return from
}

const toActivity = (log: string, row: ActivityRow): LoggedActivity => ({
  cursor: cursorOf(log, row),
  kind: row.kind,
  at: row.at,
  ...(row.kind === 'import' ? {} : { actor_id: row.actorId }),
  ...(row.postId === null ? {} : { post_id: row.postId }),
  ...(row.rootId === null ? {} : { root_id: row.rootId }),
  ...(row.subjectId === null ? {} : { subject_id: row.subjectId }),
  ...(row.kind === 'post' ? { text: row.text } : {}),
  ...(row.audience === null ? {} : { audience: row.audience }),
})
