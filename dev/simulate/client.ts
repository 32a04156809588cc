import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { DEGRADED_HEADER, VERSION_HEADER } from '../../contract/headers.ts'
import { countOriginWaits, parseCacheStatus } from './layers.ts'
import type { Kind, Measures } from './measures.ts'
import type { Slots } from './slots.ts'

/** One app of one person: what it keeps between its requests. */
export interface Client {
  readonly id: string
  /** The version token of its last write; a watcher keeps none. */
  version: string | undefined
  readonly keepsVersion: boolean
}

export interface Request<T> {
  readonly kind: Kind
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  /** What a 2xx must be. */
  readonly schema?: z.ZodType<T>
  /** The tag of what the client has. */
  readonly etag?: string | undefined
  /** When it should begin (`performance.now()`). */
  readonly dueAtMs: number
}

/** 2xx or 304; `body` is there where a schema was asked for and something new came. */
export interface Answer<T> {
  readonly status: number
  readonly body: T | undefined
  readonly etag: string | undefined
}

/** Undefined where there was no place for the request, no answer, or a problem. */
export type Ask = <T>(client: Client, request: Request<T>) => Promise<Answer<T> | undefined>

interface Parts {
  readonly workerUrl: string
  readonly tokenOf: (userId: string) => Promise<string>
  readonly measures: Measures
  readonly slots: Slots
  /** Of the run's beginning (`performance.now()`). */
  readonly startedAtMs: number
}

/** A request that begins later than this after its time is late. */
const LATE_MS = 100
const ANSWER_DEADLINE_MS = 10_000
const MAX_RETRIES = 3
const MAX_RETRY_AFTER_S = 5
const problemSchema = z.object({ type: z.string().startsWith('/problems/') })

export const newClient = (id: string, keepsVersion = true): Client => ({ id, version: undefined, keepsVersion })

/** Asks as a real client does: returns its version token, sends what it has, makes repetitions safe and obeys Retry-After. */
export function createAsk({ workerUrl, tokenOf, measures, slots, startedAtMs }: Parts): Ask {
  return async <T>(client: Client, request: Request<T>) => {
    const waitedMs = await slots.take()
    if (waitedMs === undefined) {
      measures.tally.dropped += 1
      return undefined
    }
    try {
      if (performance.now() - request.dueAtMs > LATE_MS) measures.tally.late += 1
      const init = await initOf(client, request)
      for (let retries = 0; ; retries += 1) {
        const { answer, retryAfterS } = await once(client, request, init)
        if (answer || retryAfterS === undefined || retries === MAX_RETRIES) return answer
        measures.tally.retried += 1
        await sleep(retryAfterS * 1_000)
      }
    } finally {
      slots.give()
    }
  }

  async function initOf(client: Client, { method = 'GET', body, etag }: Request<unknown>): Promise<RequestInit> {
    const headers: Record<string, string> = { authorization: `Bearer ${await tokenOf(client.id)}` }
    if (client.version !== undefined) headers[VERSION_HEADER] = client.version
    if (etag !== undefined) headers['if-none-match'] = etag
    if (method === 'POST') headers['idempotency-key'] = randomUUID()
    if (body === undefined) return { method, headers }
    return { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }
  }

  async function once<T>(client: Client, { kind, path, schema }: Request<T>, init: RequestInit) {
    const fromMs = performance.now()
    let response: Response | undefined
    let problem: string | undefined
    let body: T | undefined
    try {
      response = await fetch(workerUrl + path, { ...init, signal: AbortSignal.timeout(ANSWER_DEADLINE_MS) })
      const text = await response.text()
      if (response.status >= 400) problem = slugOf(JSON.parse(text)) ?? `status ${response.status}`
      else if (schema && response.status !== 304) body = schema.parse(JSON.parse(text))
    } catch (error) {
      problem = reasonOf(error)
    }
    const endMs = performance.now()
    measures.note({
      kind,
      atMs: endMs - startedAtMs,
      tookMs: endMs - fromMs,
      problem,
      layers: parseCacheStatus(response?.headers.get('cache-status') ?? null),
      degraded: response?.headers.get(DEGRADED_HEADER)?.split(', ') ?? [],
      originWaits: countOriginWaits(response?.headers.get('server-timing') ?? null),
    })
    if (problem !== undefined || !response) {
      const after = response?.status === 503 ? Number(response.headers.get('retry-after') ?? Number.NaN) : Number.NaN
      return { answer: undefined, retryAfterS: Number.isFinite(after) ? Math.min(after, MAX_RETRY_AFTER_S) : undefined }
    }
    if (response.status === 304 && kind !== 'probe') measures.tally.notModified += 1
    if (client.keepsVersion) client.version = response.headers.get(VERSION_HEADER) ?? client.version
    return { answer: { status: response.status, body, etag: response.headers.get('etag') ?? undefined }, retryAfterS: undefined }
  }
}

const slugOf = (body: unknown): string | undefined => problemSchema.safeParse(body).data?.type.slice('/problems/'.length)

/** Why there was no answer, the same words for the same reason. */
function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'not JSON'
  if (error instanceof z.ZodError) return 'not what the contract says'
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer in ${ANSWER_DEADLINE_MS / 1_000} s`
  return 'no connection'
}
