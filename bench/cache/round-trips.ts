import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Case, createCacheOf, OURS, staleMsOf } from './contender.ts'
import { pageOf } from './page.ts'
import { openReaders, type ReaderOptions } from './readers.ts'
import { barOn, type Scenario } from './scenario.ts'
import { median } from './statistics.ts'

/** Long enough to be told from everything else (milliseconds). */
const ROUND_TRIP_MS = 60
const TTL_MS = 60_000
const KEYS = ['a', 'b', 'c', 'd', 'e']
const PAGE = Array.from({ length: 20 }, (_, i) => `page${i}`)

export async function open({ one, settings }: ReaderOptions) {
  process.on('unhandledRejection', () => {})
  const cache = await createCacheOf(one, { ...settings, load: async (key) => pageOf(key) })
  await cache.get(`warm${process.pid}`)
  await settled()
  /** Round trips that a read waited for. */
  const trips = async (read: () => Promise<unknown>): Promise<number> => {
    const startedAtMs = performance.now()
    await read()
    return Math.floor((performance.now() - startedAtMs + 2) / ROUND_TRIP_MS)
  }
  return {
    /** Reads one after the other; answers the median. */
    async get(keys: readonly string[]) {
      const each: number[] = []
      for (const key of keys) each.push(await trips(() => cache.get(key)))
      return median(each)
    },
    /** Through its batch call where it has one, else all at once. */
    getPage: () => trips(() => cache.getMany?.(PAGE) ?? Promise.all(PAGE.map((key) => cache.get(key)))),
  }
}

/** What is sent behind an answer has been sent. */
const settled = (): Promise<void> => sleep(8 * ROUND_TRIP_MS)

/** Passes bytes on to a port, what the client sends only after a round trip. */
async function startDelay(port: number): Promise<{ readonly port: number; stop(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const redis = connect(port, '127.0.0.1')
    for (const socket of [client, redis]) sockets.add(socket.on('error', () => socket.destroy()))
    client.on('data', (data) => setTimeout(() => redis.write(data), ROUND_TRIP_MS))
    redis.pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

const LAYERED_LOADER: Case = { name: 'layered-loader', label: 'best', features: 'best' }

export const roundTrips: Scenario = {
  name: 'round-trips',
  title: 'Round trips to L2',
  about: `What a reader waits for, each round trip made ${ROUND_TRIP_MS} ms long, and what is sent: commands of the peers, HTTP requests of ours (over REST each command is one). A hit is one in L2 by a process whose memory is empty; the page of ${PAGE.length} keys is in L2.`,
  cases: [{ name: 'bentocache', label: 'best', features: 'best' }, { name: '@unkey/cache' }, LAYERED_LOADER, OURS],
  columns: [
    { figure: 'hit', title: 'hit: waited for' },
    { figure: 'hitSent', title: 'hit: sent' },
    { figure: 'miss', title: 'miss: waited for' },
    { figure: 'missSent', title: 'miss: sent' },
    { figure: 'page', title: 'page: waited for' },
    { figure: 'pageSent', title: 'page: sent' },
  ],
  bars: [
    ...(['hit', 'miss', 'page'] as const).map((what, i) => {
      const most = [1, 2, 1][i] ?? 1
      return barOn(
        OURS,
        what,
        `${what}: waits for ${most} at most`,
        ({ max }) => max <= most,
        ({ median, max }) => `${median} (most ${max})`,
      )
    }),
    barOn(
      OURS,
      'pageSent',
      'page: 1 request',
      ({ max }) => max <= 1,
      ({ median, max }) => `${median} (most ${max})`,
    ),
  ],
  weight: 3,
  deadlineMs: 40_000,
  mostRuns: 2,
  async measure(one, world) {
    const store = await world.ownStore(ROUND_TRIP_MS)
    const delay = await startDelay(store.redis.port)
    const settings = {
      ...store.settings,
      redisPort: delay.port,
      tiers: 'l1+l2',
      ttlMs: TTL_MS,
      staleMs: staleMsOf(one, TTL_MS),
      namespace: world.newNamespace(),
    } as const
    try {
      const readers = await openReaders<Awaited<ReturnType<typeof open>>>(import.meta.url, 2, { one, settings })
      const [first, second] = readers.all
      if (!first || !second) throw new Error('a process is missing')
      const sent = async () => (await store.sent())[one.name === 'tideline' ? 'requests' : 'commands']
      const counted = async (read: () => Promise<number>) => {
        const before = await sent()
        const trips = await read()
        await settled()
        return { trips, sent: (await sent()) - before }
      }
      try {
        const miss = await counted(() => first.ask('get', KEYS))
        const hit = await counted(() => second.ask('get', KEYS))
        await first.ask('getPage', undefined)
        await settled()
        const page = await counted(() => second.ask('getPage', undefined))
        return {
          hit: hit.trips,
          hitSent: hit.sent / KEYS.length,
          miss: miss.trips,
          missSent: miss.sent / KEYS.length,
          page: page.trips,
          pageSent: page.sent,
        }
      } finally {
        await readers.stop()
      }
    } finally {
      delay.stop()
      await store.stop()
    }
  },
}
