import { inject } from 'vitest'
import { createUpstashFacade, type UpstashFacade } from '../../dev/upstash-facade.ts'
import { freePort } from './free-port.ts'
import { type SlowOrigin, startSlowOrigin } from './slow-origin.ts'
import type { Stack } from './stack.ts'
import { startWorkerd } from './workerd.ts'

/** An isolate with its own way to L2 and its own way to the origin, so that each may be ill by itself; what L2 holds is shared by all. */
export interface Place {
  readonly url: string
  readonly origin: SlowOrigin
  readonly facade: UpstashFacade
  /** Connections to L2 are refused until what this answers is called. */
  refuseL2(): Promise<() => Promise<void>>
}

/** Isolates of one workerd, one for each of these bindings, beside `bindings` for all. */
export async function startPlaces(
  stack: Stack,
  bindings: Readonly<Record<string, string>>,
  eachOwn: readonly Readonly<Record<string, string>>[],
): Promise<{ readonly places: readonly Place[]; stop(): Promise<void> }> {
  const openFacade = () => createUpstashFacade({ redisUrl: stack.redis.url, token: stack.l2Token })
  const ways = await Promise.all(
    eachOwn.map(async (own) => {
      const facade = openFacade()
      const [{ url, port }, origin] = await Promise.all([freePort().then(facade.listen), startSlowOrigin()])
      origin.aimAt(stack.originUrl())
      return { facade, port, origin, bindings: { UPSTASH_REDIS_REST_URL: url, ORIGIN_URL: origin.url, ...own } }
    }),
  )
  const workerd = await startWorkerd({
    bundle: inject('workerBundle'),
    bindings: { ...stack.bindings, ...bindings },
    isolates: ways.length,
    bindingsOf: (i) => ways[i]?.bindings ?? {},
  })
  const facades = ways.map(({ facade }) => facade)
  const places = ways.map(({ origin, port }, i) => ({
    url: workerd.urls[i] ?? '',
    origin,
    get facade() {
      return facades[i] as UpstashFacade
    },
    async refuseL2() {
      await facades[i]?.close()
      return async () => {
        facades[i] = openFacade()
        await facades[i]?.listen(port)
      }
    },
  }))
  return {
    places,
    async stop() {
      await workerd.stop()
      await Promise.all([...facades.map((facade) => facade.close()), ...ways.map(({ origin }) => origin.close())])
    },
  }
}

export interface Read {
  readonly path: string
  readonly token?: string
}
export interface Answered {
  readonly path: string
  readonly status: number
  readonly headers: Headers
}

/** Sends reads, some at once, in order; answers what came of each. A read that hangs for a minute rejects. */
export async function sendReads(place: Place, reads: readonly Read[], atOnce: number): Promise<Answered[]> {
  const answers: Answered[] = []
  const queue = reads.values()
  const runReads = async () => {
    for (const { path, token } of queue) {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
      const response = await fetch(place.url + path, { headers, signal: AbortSignal.timeout(60_000) })
      await response.arrayBuffer()
      answers.push({ path, status: response.status, headers: response.headers })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, runReads))
  return answers
}

/** How long a reader waited for each answer of L2 (milliseconds). */
export function waitsForL2({ headers }: Answered): number[] {
  const spans = headers.get('server-timing')?.matchAll(/\bl2;dur=(\d+)/g) ?? []
  return [...spans].map(([, ms]) => Number(ms))
}
