import type { Hono } from 'hono'
import { importKey } from '../contract/signed.ts'
import { MAX_PULLED } from '../contract/timeline.ts'
import { createEngineSink } from './adapters/engine-sink.ts'
import { allOf, logSink } from './adapters/event-sink.ts'
import { createOriginClient, type OriginClient } from './adapters/origin-client.ts'
import { createOriginSink } from './adapters/origin-sink.ts'
import { createProbes } from './adapters/probes.ts'
import { createRedisTier } from './adapters/redis-tier.ts'
import { createApp } from './app.ts'
import { createCore, DEFAULTS } from './cache/core.ts'
import { createMemoryTier } from './cache/memory-tier.ts'
import type { Config } from './config.ts'
import { createCrowd } from './demo/crowd.ts'
import { createDemoOrigin } from './demo/origin.ts'
import { createIssueToken } from './demo/token.ts'
import { withBulkhead } from './feed/bulkhead.ts'
import { createHydrate } from './feed/hydrate.ts'
import { createFeedKeys } from './feed/keys.ts'
import { createLook } from './feed/look.ts'
import type { EventSink, WorkCounter } from './http/events.ts'
import type { Forward } from './http/forward-port.ts'
import { createIdentify } from './http/identity.ts'
import { createReadiness } from './http/readiness.ts'
import type { WorkerEnv } from './http/request.ts'
import { createWork } from './http/work.ts'
import type { DemoParts } from './routes/demo.ts'
import { clock, newToken, random, timeoutSignal } from './runtime.ts'

/** Milliseconds `/readyz` waits for Redis and the origin. */
const PROBE_DEADLINE_MS = 1_000

/**
 * Builds the worker from its configuration: the only file that knows which Redis, which origin, which clock. `stop` ends what a worker
 * that was made for one burst of the demo has asked the origin.
 */
export function createWorker(config: Config, stop?: AbortSignal): Hono<WorkerEnv> {
  const edgeKey = importKey(config.EDGE_SECRET)
  const origin = createOriginClient({
    url: config.ORIGIN_URL,
    key: edgeKey,
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
  const { read, limiter, shared } = createCore(
    { memory: createMemoryTier(config.MEMORY_BYTES), shared: redis, load: origin.load, clock, random, newToken },
    {
      ...DEFAULTS,
      maxAgeMs: config.MEMORY_MAX_AGE_MS,
      loadDeadlineMs: config.LOAD_DEADLINE_MS,
      maxLoads: config.MAX_LOADS,
      switchedOff: new Set(config.SWITCHED_OFF),
    },
  )
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
    feed: { read, keys, hydrate: createHydrate(read, keys), origin: withBulkhead(origin, limiter), maxPulled: MAX_PULLED },
    http: { clock, random, signingKey: importKey(config.SIGNING_SECRET, config.SIGNING_SECRET_PREVIOUS) },
    identify: createIdentify([config.JWT_SECRET, config.JWT_SECRET_PREVIOUS ?? []].flat(), clock),
    forward: origin.forward,
    readiness: createReadiness(probes, clock),
    sink: sinkOf(config, origin, work),
    observe: work.observe,
    corsOrigins: config.CORS_ORIGINS,
    maxAgeMs: config.MEMORY_MAX_AGE_MS,
    newRequestId: () => crypto.randomUUID(),
    look: { look: createLook({ keys, read, shared, clock }), edgeKey },
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
