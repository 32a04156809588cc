import type { ExecutionContext, Hono } from 'hono'
import type { CrowdLine, CrowdRequest } from '../../contract/demo.ts'
import { Problem } from '../../contract/problem.ts'
import type { Clock } from '../cache/clock.ts'
import type { WorkerEnv } from '../http/request.ts'
import { BURST_MS, burst } from './burst.ts'
import type { DemoOrigin } from './origin.ts'

/** A worker like this one with the empty memory of a new isolate. `stop` ends what it has asked the origin. */
export type FreshWorker = (isProtected: boolean, stop: AbortSignal) => Pick<Hono<WorkerEnv>, 'fetch'>

/**
 * Begins a burst; answers its lines as they come. Refuses while another one runs in this isolate. It ends when the client leaves, of which
 * `wrangler dev` does not tell: there its own bounds end it.
 */
export type Crowd = (request: CrowdRequest, context: ExecutionContext) => Promise<ReadableStream<Uint8Array>>

interface Parts {
  readonly origin: Pick<DemoOrigin, 'watch'>
  readonly freshWorker: FreshWorker
  readonly clock: Clock
}

/** When another burst may begin, whatever became of this one: its time, and that of the calls before and after it (milliseconds). */
const HELD_MS = BURST_MS + 10_000

export function createCrowd({ origin, freshWorker, clock }: Parts): Crowd {
  let running: { readonly untilMs: number } | undefined

  return async ({ post_id: postId, readers, protected: isProtected }, context) => {
    if (running && clock.nowMs() < running.untilMs) throw new Problem('conflict', 'A burst is running; wait for its end.')
    const mine = { untilMs: clock.nowMs() + HELD_MS }
    running = mine
    const stop = new AbortController()
    const end = () => {
      stop.abort()
      if (running === mine) running = undefined
    }
    const watching = origin.watch(postId)
    // Adopted, so that it ends in order when the client leaves.
    context.waitUntil(watching.catch(end))
    const countLoads = await watching
    const worker = freshWorker(isProtected, stop.signal)
    async function read(): Promise<boolean> {
      const response = await worker.fetch(new Request(`http://127.0.0.1/v1/posts/${postId}`), undefined, context)
      await response.arrayBuffer()
      return response.ok
    }
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    context.waitUntil(tell(burst({ readers, read, countLoads, clock }), writable).finally(end))
    return readable
  }
}

/** Writes lines until they end or nobody listens any more. */
async function tell(lines: AsyncGenerator<CrowdLine, void>, writable: WritableStream<Uint8Array>): Promise<void> {
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  try {
    for await (const line of lines) await writer.write(encoder.encode(`${JSON.stringify(line)}\n`))
    await writer.close()
  } catch (error) {
    await writer.abort(error).catch(() => {})
  }
}
