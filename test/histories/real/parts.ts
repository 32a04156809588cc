import { inject } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { type OriginProcess, startOriginProcess } from '../../support/origin-process.ts'
import { type Stack, startStack } from '../../support/stack.ts'
import { startWorkerd, type Workerd } from '../../support/workerd.ts'
import { prepareLateFanOut } from './own-trouble.ts'

/** How the real parts are set, so that what takes days happens while a history lasts. Milliseconds. */
export interface Scale {
  /** How long a timeline lives in L2. No author changes tier sooner. */
  readonly timelineMs: number
  /** Followers from which an author is pulled. */
  readonly crowd: number
  readonly replicaLagMs: number
}

/** `crowd` is believed for at most so long (milliseconds), and an author announced in it for a second more before the first post is pulled. */
const CROWD_LIFE_MS = 4_000

/** The real parts: an origin and an edge beside it, twice. */
export interface Parts {
  readonly stack: Stack
  readonly origins: readonly OriginProcess[]
  /** The URL of each isolate that answers, the same place again after a restart. */
  readonly isolates: readonly string[]
  /** Where each process says that it lives. */
  livenessUrls(): readonly string[]
  /** Kills an origin process at once and starts another in its place. */
  restartOrigin(place: number): Promise<void>
  /** Kills an edge's process and starts another: its memories are gone. */
  restartEdge(place: number): Promise<void>
  stop(): Promise<void>
}

const EDGES = 2
const ISOLATES = [2, 1]

/** Starts real Postgres, Redis behind the façade, two origin processes, and two of workerd with three isolates in all. */
export async function startParts({ timelineMs, crowd, replicaLagMs }: Scale): Promise<Parts> {
  const stack = await startStack({
    processes: 0,
    replicaLagMs,
    origin: {
      CROWD_THRESHOLD: String(crowd),
      CROWD_FLOOR: String(Math.max(1, crowd - 1)),
      // Whoever is a candidate is hot.
      HOT_THRESHOLD: String(Math.max(1, crowd - 1)),
      HOT_HOLD_MS: '1000',
      ANNOUNCE_MS: String(CROWD_LIFE_MS + 1_000),
      TIMELINE_LIFE_MS: String(timelineMs + 1_000),
      DATABASE_CONNECTIONS: '6',
      // What is popular in one history would be shown in others.
      POPULAR_EVERY_MS: '3600000',
      MAX_CONCURRENT_REQUESTS: '2048',
    },
  })
  await stack.stopOrigin()
  await prepareLateFanOut(stack.db)
  const ports = await Promise.all(Array.from({ length: EDGES }, freePort))
  const lifetimes = {
    timeline: { softMs: timelineMs / 2, hardMs: timelineMs },
    crowd: { softMs: CROWD_LIFE_MS / 4, hardMs: CROWD_LIFE_MS },
  }
  const startEdge = (place: number) =>
    startWorkerd({
      bundle: inject('workerBundle'),
      isolates: ISOLATES[place] ?? 1,
      bindings: {
        ...stack.bindings,
        ORIGIN_URL: `http://127.0.0.1:${ports[place]}`,
        LIFETIMES: JSON.stringify(lifetimes),
        // So many histories at a time are a heavy load for one machine: nothing here is to be late because of it.
        MEMORY_MAX_AGE_MS: '500',
        L2_DEADLINE_MS: '4000',
        LOAD_DEADLINE_MS: '8000',
        WRITE_DEADLINE_MS: '12000',
        MAX_LOADS: '512',
      },
    })
  const startOrigin = (place: number) => startOriginProcess({ ...stack.environment, L2_DEADLINE_MS: '4000' }, ports[place])
  const origins: OriginProcess[] = await Promise.all(ports.map((_, place) => startOrigin(place)))
  const edges: Workerd[] = await Promise.all(ports.map((_, place) => startEdge(place)))
  const originUrls = ports.map((port) => `http://127.0.0.1:${port}`)
  return {
    stack,
    origins,
    livenessUrls: () => [...originUrls, ...edges.flatMap(({ urls }) => urls)].map((url) => `${url}/healthz`),
    get isolates() {
      return edges.flatMap(({ urls }) => urls)
    },
    async restartOrigin(place) {
      await origins[place]?.kill()
      origins[place] = await startOrigin(place).catch(() => startOrigin(place)) // a busy machine may need longer than it has
    },
    async restartEdge(place) {
      await edges[place]?.stop()
      edges[place] = await startEdge(place)
    },
    async stop() {
      await Promise.all([...edges.map((edge) => edge.stop()), ...origins.map((origin) => origin.kill())])
      await stack.stop()
    },
  }
}
