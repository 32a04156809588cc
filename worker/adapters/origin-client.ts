import type { DataPoint } from '../../contract/analytics.ts'
import { REQUEST_ID_HEADER, SIGNATURE_HEADER } from '../../contract/headers.ts'
import { loadResponseSchema, MAX_LOAD_KEYS, marksResponseSchema, olderResponseSchema } from '../../contract/internal.ts'
import { Problem } from '../../contract/problem.ts'
import { type Caller, signRequest } from '../../contract/signature.ts'
import type { SigningKey } from '../../contract/signed.ts'
import { type Load, Overloaded } from '../cache/ports.ts'
import type { OriginPort } from '../feed/origin-port.ts'
import type { Forward, Forwarded } from '../http/forward-port.ts'

interface Options {
  readonly url: string
  /** Resolves to the key shared with the origin. */
  readonly key: Promise<SigningKey>
  readonly clock: { nowMs(): number }
  readonly timeoutSignal: (ms: number) => AbortSignal
  /** A load is given up after this (milliseconds); so is a scroll below the caches. */
  readonly loadDeadlineMs: number
  /** A forwarded write is given up after this (milliseconds): it may wait for Redis before it is acknowledged. */
  readonly writeDeadlineMs: number
}

export interface OriginClient extends OriginPort {
  readonly load: Load
  readonly forward: Forward
  /** Data points of analytics. */
  readonly points: (points: readonly DataPoint[]) => Promise<unknown>
}

const NOBODY: Caller = {}

/** The origin over HTTP. Everything is signed; bodies are always read; nothing is retried. */
export function createOriginClient({ url, key, clock, timeoutSignal, loadDeadlineMs, writeDeadlineMs }: Options): OriginClient {
  async function send(request: Forwarded, signal: AbortSignal): Promise<Response> {
    const { method, path, body, caller } = request
    const signature = await signRequest(await key, { method, target: path, body }, caller, clock.nowMs())
    const init = {
      method,
      headers: { ...request.headers, [SIGNATURE_HEADER]: signature, [REQUEST_ID_HEADER]: request.requestId },
      signal,
      redirect: 'manual' as const,
      ...(body.length > 0 ? { body } : {}),
    }
    try {
      const response = await fetch(new URL(path, url), init)
      return new Response(response.status === 204 ? null : await response.arrayBuffer(), {
        status: response.status,
        headers: response.headers,
      })
    } catch (cause) {
      throw new Problem('origin-unavailable', 'The origin did not answer in time.', { cause })
    }
  }

  async function ask(path: string, question: unknown, signal = timeoutSignal(loadDeadlineMs)): Promise<unknown> {
    const response = await send(
      {
        method: 'POST',
        path,
        body: new TextEncoder().encode(JSON.stringify(question)),
        headers: { 'content-type': 'application/json' },
        caller: NOBODY,
        requestId: crypto.randomUUID(),
      },
      signal,
    )
    if (response.status === 503) throw new Overloaded('the origin sheds')
    if (!response.ok) throw new Problem('origin-unavailable', `The origin answered ${response.status}.`)
    return response.json()
  }

  return {
    async load(keys, signal) {
      const slices = Array.from({ length: Math.ceil(keys.length / MAX_LOAD_KEYS) }, (_, i) =>
        keys.slice(i * MAX_LOAD_KEYS, (i + 1) * MAX_LOAD_KEYS),
      )
      const answers = await Promise.all(
        slices.map((slice) => ask('/internal/load', { keys: slice }, AbortSignal.any([signal, timeoutSignal(loadDeadlineMs)]))),
      )
      return answers.flatMap((answer) => loadResponseSchema.parse(answer).values)
    },
    older: async (question) => olderResponseSchema.parse(await ask('/internal/older', question)),
    olderOfAuthor: async (question) => olderResponseSchema.parse(await ask('/internal/older-of-author', question)),
    marks: async (question) => marksResponseSchema.parse(await ask('/internal/marks', question)),
    forward: (request) => send(request, timeoutSignal(writeDeadlineMs)),
    points: (points) => ask('/internal/points', { points }),
  }
}
