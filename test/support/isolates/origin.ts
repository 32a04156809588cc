import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lifetimes } from '../../../worker/standalone.ts'

/** What the origin says of a key. A load of several keys does what any of them asks for. */
export interface Row {
  /** An absence where there is none. */
  readonly value?: unknown
  readonly version?: number
  readonly lifetimes?: Partial<Lifetimes>
  readonly delayMs?: number
  /** The answer waits for this; it says what was true when it was asked. */
  readonly until?: Promise<unknown>
  /** Is never answered. */
  readonly hangs?: boolean
  /** Is refused with this status. */
  readonly status?: number
  /** This key alone could not be had. */
  readonly error?: string
  /** The load throws this. */
  readonly throws?: string
}

/** The origin of the cache worker: the test says what it knows, how fast it is, and hears what it is asked. */
export interface CacheOrigin {
  readonly url: string
  /** One row for each load, the last one for all that follow. */
  set(key: string, ...rows: readonly Row[]): void
  /** Asked for keys that were not set; `place` is that in their load. */
  setRule(rule: ((key: string, place: number) => Row) | undefined): void
  /** When loads asked for the key (milliseconds of a clock that is never set). */
  momentsOf(key: string): readonly number[]
  /** The loads that asked for keys with this beginning, in the order they came. */
  loads(prefix: string): readonly (readonly string[])[]
  /** The most of those that ran at once. */
  most(prefix: string): number
  /** Resolves when so many loads have asked for the key. */
  asked(key: string, loads?: number): Promise<void>
  close(): Promise<void>
}

interface Load {
  readonly keys: readonly string[]
  readonly atOnce: number
}

export async function startCacheOrigin(): Promise<CacheOrigin> {
  const known = new Map<string, Row[]>()
  const asked = new Map<string, number[]>()
  const waiting = new Set<() => void>()
  const running = new Set<readonly string[]>()
  const log: Load[] = []
  let rule: ((key: string, place: number) => Row) | undefined

  const momentsOf = (key: string): readonly number[] => asked.get(key) ?? []
  function rowOf(key: string, place: number): Row | undefined {
    const rows = known.get(key)
    return rows ? (rows.length > 1 ? rows.shift() : rows[0]) : rule?.(key, place)
  }

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const keys = (await json(incoming)) as string[]
    const found = keys.map((key, place) => ({ key, ...rowOf(key, place) }))
    const tag = tagOf(keys[0])
    log.push({ keys, atOnce: 1 + [...running].filter(([key]) => tagOf(key) === tag).length })
    running.add(keys)
    outgoing.on('close', () => running.delete(keys))
    for (const key of keys) {
      const moments = asked.get(key) ?? []
      asked.set(key, moments)
      moments.push(performance.now())
    }
    for (const look of waiting) look()
    if (found.some(({ hangs }) => hangs)) return
    await Promise.all(found.map(({ until }) => until))
    const delayMs = Math.max(...found.map(({ delayMs = 0 }) => delayMs))
    if (delayMs > 0) await sleep(delayMs)
    if (outgoing.destroyed) return
    const status = found.find((row) => row.status !== undefined)?.status
    if (status !== undefined) return void outgoing.writeHead(status).end()
    const throws = found.find((row) => row.throws !== undefined)?.throws
    const items = found.flatMap(({ key, value, version, lifetimes, error }) => {
      if (error !== undefined) return { key, error }
      return value === undefined ? [] : { key, value, version, lifetimes }
    })
    outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(throws === undefined ? items : { throws }))
  }

  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing).catch(() => outgoing.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const of = (prefix: string): readonly Load[] => log.filter(({ keys }) => keys[0]?.startsWith(prefix))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set: (key, ...rows) => void known.set(key, [...rows]),
    setRule(next) {
      rule = next
    },
    momentsOf,
    loads: (prefix) => of(prefix).map(({ keys }) => keys),
    most: (prefix) => Math.max(0, ...of(prefix).map(({ atOnce }) => atOnce)),
    asked: (key, loads = 1) =>
      new Promise((resolve) => {
        const look = () => {
          if (momentsOf(key).length < loads) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Keys of one test begin alike, up to the first hyphen. */
export const tagOf = (key = ''): string => key.slice(0, key.indexOf('-') + 1)
