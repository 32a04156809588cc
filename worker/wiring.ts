import type { Hono } from 'hono'
import { importKey, toBase64Url } from '../contract/signed.ts'
import { createEngineSink } from './adapters/engine-sink.ts'
import { allOf, logSink } from './adapters/event-sink.ts'
import { createOriginClient, type OriginClient } from './adapters/origin-client.ts'
import { createOriginSink } from './adapters/origin-sink.ts'
import { createProbes } from './adapters/probes.ts'
import { createRedisTier } from './adapters/redis-tier.ts'
import { createApp } from './app.ts'
import { createBackoff } from './cache/backoff.ts'
import { createBreaker } from './cache/breaker.ts'
import type { Clock } from './cache/clock.ts'
import { createLimiter } from './cache/limiter.ts'
import { createMemoryTier } from './cache/memory-tier.ts'
import { createReadThrough } from './cache/read-through.ts'
import { createRefresh } from './cache/refresh.ts'
import { withBreaker } from './cache/with-breaker.ts'
import type { Config } from './config.ts'
import { createCrowd } from './demo/crowd.ts'
import { createDemoOrigin } from './demo/origin.ts'
import { createIssueToken } from './demo/token.ts'
import { withBulkhead } from './feed/bulkhead.ts'
import { createHydrate } from './feed/hydrate.ts'
import { createFeedKeys } from './feed/keys.ts'
import type { EventSink, WorkCounter } from './http/events.ts'
import type { Forward } from './http/forward-port.ts'
import { createIdentify } from './http/identity.ts'
import { createReadiness } from './http/readiness.ts'
import type { WorkerEnv } from './http/request.ts'
import { createWork } from './http/work.ts'
import type { DemoParts } from './routes/demo.ts'

const clock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const timer = setTimeout(resolve, ms)
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        resolve()
      })
    }),
}
/** Milliseconds `/readyz` waits for Redis and the origin. */
const PROBE_DEADLINE_MS = 1_000
const timeoutSignal = (ms: number): AbortSignal => AbortSignal.timeout(ms)
/** 16 random bytes: 22 characters, as the scripts expect of a lease token. */
const newToken = (): string => toBase64Url(crypto.getRandomValues(new Uint8Array(16)))

/**
 * Builds the worker from its configuration: the only file that knows which Redis, which origin, which clock. `stop` ends what a worker
 * that was made for one burst of the demo has asked the origin.
 */
export function createWorker(config: Config, stop?: AbortSignal): Hono<WorkerEnv> {
  const origin = createOriginClient({
    url: config.ORIGIN_URL,
    key: importKey(config.EDGE_SECRET),
    clock,
    timeoutSignal: stop ? (ms) => AbortSignal.any([stop, timeoutSignal(ms)]) : timeoutSignal,
    loadDeadlineMs: config.LOAD_DEADLINE_MS,
    writeDeadlineMs: config.WRITE_DEADLINE_MS,
  })
  const redis = createRedisTier({
    url: config.UPSTASH_REDIS_REST_URL,
    token: config.UPSTASH_REDIS_REST_TOKEN,
    prefix: config.KEY_PREFIX,
    deadlineMs: config.L2_DEADLINE_MS,
    timeoutSignal,
    clock,
  })
  const off = new Set(config.SWITCHED_OFF)
  const breaker = createBreaker({ failures: off.has('breaker') ? Number.POSITIVE_INFINITY : 5, openMs: 1_000 }, clock)
  const backoff = createBackoff({ firstMs: 250, maxMs: 5_000 }, clock)
  const memory = createMemoryTier(config.MEMORY_BYTES)
  const shared = withBreaker(redis, breaker)
  const limiter = createLimiter(
    { max: config.MAX_LOADS, waitMs: config.LOAD_DEADLINE_MS / 2, holdMs: 2 * config.LOAD_DEADLINE_MS },
    clock,
    Math.random,
  )
  const refresh = createRefresh({
    shared,
    load: origin.load,
    limiter,
    backoff,
    clock,
    random: Math.random,
    newToken,
    options: {
      // The wait in the bulkhead, the load, and two calls to L2: a lease that ends sooner has its fill refused.
      leaseMs: 1.5 * config.LOAD_DEADLINE_MS + 2 * config.L2_DEADLINE_MS + 500,
      waitMs: config.LOAD_DEADLINE_MS,
      pollMs: 20,
      retryMs: 250,
      lease: !off.has('lease'),
    },
  })
  const read = createReadThrough({
    memory,
    shared,
    refresh,
    backoff,
    breaker,
    clock,
    random: Math.random,
    options: {
      maxAgeMs: config.MEMORY_MAX_AGE_MS,
      beta: off.has('xfetch') ? 0 : 1,
      // A loser of the lease may wait as long as a load, then for a place, and then load by itself; all bounded, below the 30 s of waitUntil.
      flightMs: 2.5 * config.LOAD_DEADLINE_MS + 4 * config.L2_DEADLINE_MS + 500,
      readFlightMs: 2 * config.L2_DEADLINE_MS + 100,
      singleflight: !off.has('singleflight'),
    },
  })
  const probes = createProbes({
    originUrl: config.ORIGIN_URL,
    redisUrl: config.UPSTASH_REDIS_REST_URL,
    redisToken: config.UPSTASH_REDIS_REST_TOKEN,
    deadlineMs: PROBE_DEADLINE_MS,
    timeoutSignal,
  })
  const work = createWork()
  const keys = createFeedKeys(config.LIFETIMES)
  return createApp({
    feed: { read, keys, hydrate: createHydrate(read, keys), origin: withBulkhead(origin, limiter) },
    http: { clock, signingKey: importKey(config.SIGNING_SECRET, config.SIGNING_SECRET_PREVIOUS) },
    identify: createIdentify([config.JWT_SECRET, config.JWT_SECRET_PREVIOUS ?? []].flat(), clock),
    forward: origin.forward,
    readiness: createReadiness(probes, clock),
    sink: sinkOf(config, origin, work),
    observe: work.observe,
    corsOrigins: config.CORS_ORIGINS,
    maxAgeMs: config.MEMORY_MAX_AGE_MS,
    newRequestId: () => crypto.randomUUID(),
    demo: config.DEMO === 'on' ? createDemo(config, origin.forward) : undefined,
  })
}

/** The demo. Each burst runs in a worker made for it, which logs nothing; an unprotected one has everything off that can be. */
function createDemo(config: Config, forward: Forward): DemoParts {
  const quiet: Config = { ...config, DEMO: 'off', LOG_EVENTS: 'off', ANALYTICS_SINK: 'off' }
  const unprotected: Config = { ...quiet, SWITCHED_OFF: ['singleflight', 'lease', 'xfetch'], MAX_LOADS: Number.POSITIVE_INFINITY }
  const demoOrigin = createDemoOrigin(forward, () => crypto.randomUUID())
  return {
    origin: demoOrigin,
    issueToken: createIssueToken(config.JWT_SECRET, clock),
    crowd: createCrowd({
      origin: demoOrigin,
      freshWorker: (isProtected, stop) => createWorker(isProtected ? quiet : unprotected, stop),
      clock,
    }),
  }
}

/** Where requests are told of. */
function sinkOf(config: Config, origin: OriginClient, work: WorkCounter): EventSink {
  const sinks = config.LOG_EVENTS === 'on' ? [logSink] : []
  if (config.ANALYTICS_SINK === 'engine' && config.ANALYTICS) sinks.push(createEngineSink(config.ANALYTICS, work))
  if (config.ANALYTICS_SINK === 'origin') {
    const { ANALYTICS_BATCH: batchSize, LOAD_DEADLINE_MS: deadlineMs } = config
    sinks.push(createOriginSink({ post: origin.points, work, clock, batchSize, delayMs: 700, lostAfterMs: 2 * deadlineMs }))
  }
  return allOf(sinks, () => work.add({ dropped: 1 }))
}
