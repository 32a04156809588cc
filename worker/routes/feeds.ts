import { type Context, Hono } from 'hono'
import { type Cursor, decodeCursor, encodeCursor } from '../../contract/cursor.ts'
import { Problem } from '../../contract/problem.ts'
import type { SigningKey } from '../../contract/signed.ts'
import { pageBody } from '../feed/page-body.ts'
import { readAuthor } from '../feed/read-author.ts'
import { type FeedPage, type FeedParts, readFeed } from '../feed/read-feed.ts'
import { withTiming } from '../feed/timed-origin.ts'
import { requireUser } from '../http/identity.ts'
import { type HttpParts, pageSize, pathId, raisedBy, turnOf, type WorkerEnv } from '../http/request.ts'
import { PERSONAL, publicFor, respond } from '../http/respond.ts'

/** An author's list is the same for all readers, and so are its cursors. */
const EVERYBODY = 'everybody'

/** The feeds: what a viewer follows, and what one author brought. */
export function feedRoutes(feed: FeedParts, http: HttpParts, maxAgeMs: number): Hono<WorkerEnv> {
  /** The feed's parts for one request, whose tally hears what history it waited for. */
  function timed(c: Context<WorkerEnv>): FeedParts {
    const waited = (startedAtMs: number, tookMs: number) => c.get('tally').waited({ layer: 'origin', keys: undefined, startedAtMs, tookMs })
    return { ...feed, origin: withTiming(feed.origin, http.clock, waited) }
  }

  async function following(c: Context<WorkerEnv>): Promise<Response> {
    const viewerId = requireUser(c.get('caller'))
    const limit = pageSize(c)
    const key = await http.signingKey
    const cursor = await cursorOf(c, key, 'following', viewerId)
    const page = await readFeed(timed(c), { viewerId, cursor, limit }, turnOf(c, await raisedBy(c, http), http))
    const next = page.next ? await encodeCursor(key, 'following', viewerId, page.next) : null
    return respond(c, http.clock.nowMs(), { ...documentOf(page, next), cacheControl: PERSONAL })
  }

  async function ofAuthor(c: Context<WorkerEnv>): Promise<Response> {
    const authorId = pathId(c)
    const limit = pageSize(c)
    const key = await http.signingKey
    const feedName = `author:${authorId}`
    const cursor = await cursorOf(c, key, feedName, EVERYBODY)
    const raised = await raisedBy(c, http)
    const page = await readAuthor(timed(c), { authorId, cursor, limit }, turnOf(c, raised, http))
    const next = page.next ? await encodeCursor(key, feedName, EVERYBODY, page.next) : null
    const oldestMs = Math.min(page.verifiedAtMs, ...page.lines.map((line) => line.verifiedAtMs))
    const nowMs = http.clock.nowMs()
    const cacheControl = publicFor(raised, oldestMs, maxAgeMs, nowMs)
    return respond(c, nowMs, { ...documentOf(page, next), cacheControl })
  }

  const routes = new Hono<WorkerEnv>()
  routes.get('/v1/feed/following', following)
  routes.get('/v1/users/:id/posts', ofAuthor)
  return routes
}

/** The cursor a client sent, good for this feed and this viewer only. */
async function cursorOf(c: Context<WorkerEnv>, key: SigningKey, feed: string, viewerId: string): Promise<Cursor | undefined> {
  const text = c.req.query('cursor')
  if (text === undefined) return undefined
  const cursor = await decodeCursor(key, feed, viewerId, text)
  if (!cursor) throw new Problem('bad-cursor', 'The cursor is damaged, or belongs to another feed or another reader.')
  return cursor
}

function documentOf(page: FeedPage, next: string | null) {
  const versions = [...page.lines.map((line) => line.version), next ?? '', page.gap].join('|')
  return { body: pageBody(page.lines, next, page.gap), versions, degraded: page.degraded }
}
