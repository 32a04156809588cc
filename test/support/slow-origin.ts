import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

/** What becomes of a request on its way to the origin. */
export interface Detour {
  readonly delayMs?: number
  /** Goes on when this resolves. */
  readonly until?: Promise<unknown>
  /** Is never answered. */
  readonly hangs?: boolean
  /** Is answered with this status, and never reaches the origin. */
  readonly status?: number
}

/** A proxy before a real origin that makes it slow, silent or failing. */
export interface SlowOrigin {
  readonly url: string
  /** Where requests go on to. */
  aimAt(originUrl: string): void
  /** Asked for each request; without a rule all go straight on. */
  setRule(rule: ((path: string, body: Buffer) => Detour) | undefined): void
  /** Holds everything back from now on; answers what lets it go. */
  hold(): () => void
  /** Loads that asked for a key, answered or not. */
  asked(key: string): number
  /** Loads that are in the air now, and the most that were at once. */
  readonly loads: number
  readonly mostLoads: number
  /** Counts the most from now on. */
  forgetMost(): void
  close(): Promise<void>
}

export async function startSlowOrigin(): Promise<SlowOrigin> {
  const agent = new Agent({ keepAlive: true })
  const asked = new Map<string, number>()
  let loads = 0
  let mostLoads = 0
  let target = ''
  let rule: ((path: string, body: Buffer) => Detour) | undefined

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming)
    const path = incoming.url ?? '/'
    const keys = keysOf(body)
    for (const key of keys) asked.set(key, (asked.get(key) ?? 0) + 1)
    if (keys.length > 0) {
      mostLoads = Math.max(mostLoads, ++loads)
      outgoing.once('close', () => loads--)
    }
    const { delayMs = 0, until, hangs = false, status } = rule?.(path, body) ?? {}
    if (hangs) return
    await until
    if (delayMs > 0) await sleep(delayMs)
    if (outgoing.destroyed) return
    if (status !== undefined) return void outgoing.writeHead(status).end()
    const onward = request(target + path, { method: incoming.method, headers: incoming.headers, agent }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    onward.end(body)
  }

  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing).catch(() => outgoing.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    aimAt(originUrl) {
      target = originUrl
    },
    setRule(next) {
      rule = next
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      rule = () => ({ until: promise })
      return () => {
        rule = undefined
        resolve()
      }
    },
    asked: (key) => asked.get(key) ?? 0,
    get loads() {
      return loads
    },
    get mostLoads() {
      return mostLoads
    },
    forgetMost() {
      mostLoads = loads
    },
    async close() {
      server.closeAllConnections()
      agent.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The keys of a load; none for any other request. */
function keysOf(body: Buffer): string[] {
  try {
    const { keys } = JSON.parse(body.toString())
    return Array.isArray(keys) ? keys : []
  } catch {
    return []
  }
}
