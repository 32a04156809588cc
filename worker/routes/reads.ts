import { type Context, Hono } from 'hono'
import { Problem, renderProblem, toProblem } from '../../contract/problem.ts'
import type { Caller } from '../../contract/signature.ts'
import { entityTagOf, joinFingerprints } from '../feed/entity-tag.ts'
import { bodyOf, pageBody } from '../feed/page-body.ts'
import type { FeedTurn, Made } from '../feed/parts.ts'
import type { From } from '../feed/position.ts'
import { readAuthor } from '../feed/read-author.ts'
import { type FeedPage, type FeedParts, readFeed } from '../feed/read-feed.ts'
import { readPost } from '../feed/read-post.ts'
import { withTiming } from '../feed/timed-origin.ts'
import { createWholePages, type Whole } from '../feed/whole-pages.ts'
import type { Exchange } from '../http/exchange.ts'
import { type Identify, requireUser } from '../http/identity.ts'
import { type HttpParts, idFrom, mayInsist, pageSize, queryOf, raisedBy, turnOf, type WorkerEnv } from '../http/request.ts'
import { type Document, PERSONAL, publicFor, respond } from '../http/respond.ts'
import { createEndings } from './endings.ts'

const FEED = '/v1/feed/following'
const GAP = '/v1/feed/following/gap'
const AUTHOR = '/v1/users/:id/posts'
const POST = '/v1/posts/:id'

/** Answers a read; `id` is what stands for it in the path. */
type Read = (exchange: Exchange, id: string | undefined) => Promise<Response> | Response
/** What is read, by the pattern of its route. */
export type Reads = Readonly<Record<typeof FEED | typeof GAP | typeof AUTHOR | typeof POST, Read>>

/** What cursors of the feed are sealed for. */
const FOLLOWING = 'following'
/** Cursors of an author's page are good for everybody: they hold nothing but ids, and who comes back with another token sees what that one may. */
const EVERYBODY = 'everybody'
const NONE: readonly string[] = []

/** A document, put together where it is handed over. */
type Assembled = Required<Pick<Document, 'body' | 'tag' | 'degraded'>>

/** The feeds, what a viewer follows and what one author brought, and single posts. */
export function createReads(feed: FeedParts, http: HttpParts, maxAgeMs: number): Reads {
  const wholePages = createWholePages(feed.read)
  const endings = createEndings(http.signingKey)

  /** The feed's parts for one request, whose tally hears what history it waited for. */
  function timed({ tally }: Exchange): FeedParts {
    const waited = (startedAtMs: number, tookMs: number) => tally.waited({ layer: 'origin', keys: undefined, startedAtMs, tookMs })
    return { ...feed, origin: withTiming(feed.origin, http.clock, waited) }
  }

  /** A page of the feed, from wherever the request says. */
  async function following(exchange: Exchange, fromOf: (viewerId: string) => Promise<From> | From): Promise<Response> {
    const viewerId = requireUser(exchange.caller)
    const limit = pageSize(exchange)
    const from = await fromOf(viewerId)
    return respondPersonally(exchange, async (turn) => {
      const page = await readFeed(timed(exchange), { viewerId, from, limit }, turn)
      return documentOf(page, FOLLOWING, viewerId)
    })
  }

  /** The body of a page is put together only where it is handed over: a client that has it wants none. */
  async function documentOf(page: FeedPage, feedName: string, viewerId: string): Promise<Assembled> {
    const { bytes, fingerprint } = await endings.of(page, feedName, viewerId)
    const tag = entityTagOf(joinFingerprints(fingerprint, page.lines))
    return { body: () => pageBody(page.lines, bytes), tag, degraded: page.degraded }
  }

  /** Answers what an author's page or a post is to whoever asks: to a user what this user may see, to nobody we know what everybody may. */
  function respondTo(
    exchange: Exchange,
    assemble: (turn: FeedTurn, viewerId: string | undefined) => Promise<Assembled>,
  ): Promise<Response> | Response {
    const viewerId = exchange.caller?.userId
    if (viewerId === undefined) return respondPublicly(exchange, (turn) => assemble(turn, undefined))
    return respondPersonally(exchange, (turn) => assemble(turn, viewerId))
  }

  async function respondPersonally(exchange: Exchange, assemble: (turn: FeedTurn) => Promise<Assembled>): Promise<Response> {
    const turn = turnOf(exchange, mayInsist(exchange) ? await raisedBy(exchange, http) : undefined, http)
    const document = await assemble(turn)
    return respond(exchange, http.clock.nowMs(), { ...document, cacheControl: PERSONAL })
  }

  /** Answers what is the same for all whom we do not know: as it was, where nothing in it has changed, else assembled anew. */
  function respondPublicly(exchange: Exchange, assemble: (turn: FeedTurn) => Promise<Assembled>): Promise<Response> | Response {
    const turn = turnOf(exchange, undefined, http)
    const name = nameOf(exchange)
    const known = name === undefined ? undefined : wholePages.find(name, turn)
    if (known) return answer(known, NONE)
    const made: Made = { keys: [], parts: [] }
    return assemble({ ...turn, made }).then(({ body, tag, degraded }) => {
      const whole = { body: body().slice(), tag }
      // What the origin said of older history is no part that memory could vouch for.
      if (name !== undefined && exchange.tally.history === 0 && degraded.length === 0) wholePages.keep(name, whole, made)
      return answer(whole, degraded)
    })

    function answer({ body, tag }: Whole, degraded: readonly string[]): Response {
      const nowMs = http.clock.nowMs()
      const cacheControl = publicFor(exchange.tally.oldestAtMs, maxAgeMs, nowMs)
      return respond(exchange, nowMs, { body: () => body, tag, cacheControl, degraded })
    }
  }

  return {
    [FEED](exchange) {
      return following(exchange, async (viewerId) => {
        const cursor = queryOf(exchange, 'cursor')
        const since = queryOf(exchange, 'since')
        if (cursor !== null && since !== null) throw new Problem('bad-request', 'A page starts at cursor or at since, not at both.')
        if (since !== null) return { kind: 'since', top: await endings.cursorOf(since, FOLLOWING, viewerId) }
        return { kind: 'scroll', cursor: cursor === null ? undefined : await endings.cursorOf(cursor, FOLLOWING, viewerId) }
      })
    },

    [GAP](exchange) {
      return following(exchange, async (viewerId) => {
        const cursor = queryOf(exchange, 'cursor')
        if (cursor === null) throw new Problem('bad-request', 'cursor is the gap_cursor of a page.')
        return { kind: 'gap', gap: await endings.gapOf(cursor, FOLLOWING, viewerId) }
      })
    },

    [AUTHOR](exchange, id) {
      return respondTo(exchange, async (turn, viewerId) => {
        const authorId = idFrom(id)
        const limit = pageSize(exchange)
        const feedName = `author:${authorId}`
        const text = queryOf(exchange, 'cursor')
        const cursor = text === null ? undefined : await endings.cursorOf(text, feedName, EVERYBODY)
        const page = await readAuthor(timed(exchange), { authorId, viewerId, cursor, limit }, turn)
        return documentOf(page, feedName, EVERYBODY)
      })
    },

    [POST](exchange, id) {
      return respondTo(exchange, async (turn, viewerId) => {
        const { line, degraded } = await readPost(timed(exchange), { postId: idFrom(id), viewerId }, turn)
        return { body: () => bodyOf(line), tag: entityTagOf(line.fingerprint), degraded }
      })
    },
  }
}

/** A query that says a limit, a cursor or both, as clients write them. */
const KNOWN_QUERY = /^(?:(?:limit=\d{1,3}|cursor=[\w.-]+)(?:&(?!$)|$)){0,2}$/

/** What a document is kept by; undefined where the query holds anything else, or anybody could fill memory with copies of one page. */
const nameOf = ({ path, query }: Exchange): string | undefined => (KNOWN_QUERY.test(query) ? `${path}?${query}` : undefined)

/** The reads as routes. */
export function readRoutes(reads: Reads): Hono<WorkerEnv> {
  const routes = new Hono<WorkerEnv>()
  for (const [route, read] of Object.entries(reads)) {
    routes.get(route, (c: Context<WorkerEnv>) => read(c.env.exchange, c.req.param('id')))
  }
  return routes
}

const PATHS = /^\/v1\/(?:users\/(\d{19})\/posts|posts\/(\d{19}))$/

/** Answers a GET of a read past the router and its middleware, which cost more than the read; undefined for anything else. */
export function createShortcut(reads: Reads, identify: Identify): (exchange: Exchange) => Promise<Response> | Response | undefined {
  async function settled(exchange: Exchange, work: Promise<Response>): Promise<Response> {
    try {
      return await work
    } catch (error) {
      return failed(exchange, error)
    }
  }
  function go(exchange: Exchange, route: keyof Reads, id: string | undefined): Promise<Response> | Response {
    exchange.route = route
    const read = (caller: Caller | undefined) => {
      exchange.caller = caller
      return reads[route](exchange, id)
    }
    try {
      const caller = identify(exchange.request.headers.get('authorization'))
      const response = caller instanceof Promise ? caller.then(read) : read(caller)
      return response instanceof Promise ? settled(exchange, response) : response
    } catch (error) {
      return failed(exchange, error)
    }
  }
  return (exchange) => {
    if (exchange.method !== 'GET') return undefined
    const { path } = exchange
    if (path === FEED || path === GAP) return go(exchange, path, undefined)
    const [, authorId, postId] = PATHS.exec(path) ?? []
    if (authorId !== undefined) return go(exchange, AUTHOR, authorId)
    return postId === undefined ? undefined : go(exchange, POST, postId)
  }
}

function failed(exchange: Exchange, error: unknown): Response {
  exchange.error = error instanceof Error ? error : new Error(String(error))
  return renderProblem(toProblem(error), exchange.requestId)
}
