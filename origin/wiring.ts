import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Hono } from 'hono'
import { EPOCH_MS } from '../contract/ids.ts'
import { PROMISED_MS } from '../contract/promise.ts'
import { importKey } from '../contract/signed.ts'
import { createEdgeLook, lookAtEdge } from './adapters/edge.ts'
import { nodeHashes } from './adapters/hashes.ts'
import { createL2 } from './adapters/l2.ts'
import { createL2Reader } from './adapters/l2-reader.ts'
import { createRollup } from './analytics/rollup.ts'
import { createApp, type RequestEvent } from './app.ts'
import type { Config } from './config.ts'
import { pruneActivities } from './db/activities.ts'
import { pruneRollup } from './db/analytics.ts'
import { connect } from './db/client.ts'
import { pruneConsistency } from './db/consistency.ts'
import { createJobQueue, type Turns, turnsOf } from './db/jobs.ts'
import { machineStore } from './db/machines.ts'
import { appliedMigrations } from './db/migrations.ts'
import { computePopular } from './db/popular.ts'
import { prune } from './db/recovery.ts'
import { retireViewers } from './db/viewers.ts'
import { createAnnouncement } from './fanout/announce.ts'
import { cleanNext } from './fanout/cleanup.ts'
import { type DebtsEvent, payAllPushes, payInvalidations } from './fanout/debts.ts'
import { createDelivery } from './fanout/deliver.ts'
import { createHeartbeat } from './fanout/heartbeat.ts'
import { createBell, every, type LoopEvent } from './fanout/loops.ts'
import { createSettle } from './fanout/settle.ts'
import { sweepNext } from './fanout/sweep.ts'
import { createFanoutWorker, type FanoutEvent } from './fanout/worker.ts'
import type { OriginEnv } from './http/identity.ts'
import { createReadiness } from './http/readiness.ts'
import { openMint, RENEW_EVERY_MS } from './ids/mint.ts'
import { knownMigrations, pendingMigrations } from './migrations.ts'
import { lookAtL2 } from './monitor/answers.ts'
import { createMonitor, type MonitorEvent } from './monitor/monitor.ts'
import { monitorStore } from './monitor/store.ts'
import { truthsOf } from './monitor/truths.ts'
import { createRebuilds, type RebuildEvent } from './timelines/rebuild.ts'
import { createTuning, type TuningEvent } from './tuning.ts'

export type OriginEvent =
  | RequestEvent
  | FanoutEvent
  | DebtsEvent
  | LoopEvent
  | RebuildEvent
  | MonitorEvent
  | TuningEvent
  | { readonly type: 'l2-lost-writes'; readonly replayed: number | 'emptied' }
  | { readonly type: 'invalidation-owed'; readonly rows: number; readonly error?: unknown }

/** The channel on which workers of other processes are told of new jobs. */
const FANOUT_CHANNEL = 'tideline_fanout'
/** An idle worker looks at the queue this often even if no notification arrives (milliseconds). */
const POLL_MS = 250
const BEAT_MS = 1_000
const TURNS_MS = 1_000
const TIERS_MS = 1_000
/** Redis is called silent when it acknowledged nothing for this long (milliseconds): five beats. */
const REDIS_SILENT_MS = 5 * BEAT_MS
const HOUSEKEEPING_MS = 60_000
/** Viewers retired in one transaction. */
const RETIRE_BATCH = 500
const ROLLUP_MS = 1_000
/** Rows of analytics and of the log forgotten in one statement. */
const PRUNE_BATCH = 5_000
/** The monitor takes its turns so often: what is wrong is looked at three times within a minute at most (milliseconds). */
const MONITOR_MS = 5_000
/** How often a process asks whether a turn is due. */
const MONITOR_POLL_MS = 1_000
/** What the edge may take to say what it would answer (milliseconds): two calls to its L2 and the way there. */
const LOOK_DEADLINE_MS = 3_000

export const clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  /** Ends without an error, which each post would pay for: a worker that is woken ends its sleep. */
  sleep: (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const end = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      signal.addEventListener('abort', end)
    }),
}

export interface Origin {
  readonly app: Hono<OriginEnv>
  /** From now on `/readyz` says that no more traffic is wanted; what comes is still served. */
  retire(): void
  /** Stops taking work, finishes what is under way, gives the machine id back. */
  close(): Promise<void>
}

/** Builds the origin from its configuration: the only place that knows which Postgres, which Redis, which clock. */
export async function createOrigin(config: Config, observe: (event: OriginEvent) => void): Promise<Origin> {
  const connection = connect(config.DATABASE_URL, {
    maxConnections: config.DATABASE_CONNECTIONS,
    statementTimeoutMs: config.STATEMENT_TIMEOUT_MS,
    applicationName: 'tideline-origin',
    prepare: config.DATABASE_PREPARE === 'on',
  })
  const { db } = connection
  const timeoutSignal = (ms: number) => AbortSignal.timeout(ms)
  const redis = {
    url: config.UPSTASH_REDIS_REST_URL,
    token: config.UPSTASH_REDIS_REST_TOKEN,
    prefix: config.KEY_PREFIX,
    deadlineMs: config.L2_DEADLINE_MS,
    timeoutSignal,
  }
  const l2 = createL2(redis)
  const edgeKey = await importKey(config.EDGE_SECRET, config.EDGE_SECRET_PREVIOUS, nodeHashes)
  const mint = await openMint(machineStore(db), clock, randomUUID())
  const heartbeat = createHeartbeat({ db, l2, machineId: () => mint.machineId, observe })
  const delivery = createDelivery({ db, l2, heartbeat, clock })
  const rollup = createRollup(db, clock)
  const rebuilds = createRebuilds(db, observe)
  const settle = createSettle(delivery, clock, 1.5 * config.L2_DEADLINE_MS, observe)

  const stop = new AbortController()
  const { signal } = stop
  const loop = (name: string, pauseMs: number, task: () => Promise<unknown>) => every(name, pauseMs, task, { clock, signal, observe })
  const bell = createBell(clock)
  await connection.listen(FANOUT_CHANNEL, bell.ring)
  const announce = createAnnouncement({ bell, notify: () => connection.notify(FANOUT_CHANNEL), clock, signal })
  const queue = createJobQueue(db, { chunkSize: config.CHUNK_SIZE, batch: config.JOB_BATCH, attempts: config.JOB_ATTEMPTS })

  /** Goes on while there is something to pay. */
  async function untilNone(pay: () => Promise<number>): Promise<void> {
    while (!signal.aborted && (await pay()) > 0);
  }
  let redisAcknowledgedAtMs = clock.monotonicMs()
  let recovered = false
  async function beat(): Promise<void> {
    if (!recovered) await heartbeat.recoverAtStart()
    recovered = true
    await heartbeat.beat()
    redisAcknowledgedAtMs = clock.monotonicMs()
  }
  const tuning = createTuning({ db, config, settle, observe })
  const look = { key: edgeKey, deadlineMs: LOOK_DEADLINE_MS, clock, newRequestId: randomUUID, timeoutSignal }
  const takeTurn = createMonitor({
    store: monitorStore(db, {
      everyMs: MONITOR_MS,
      keysPerTurn: Math.ceil((config.MONITOR_SAMPLES_PER_MINUTE * MONITOR_MS) / 60_000),
      promisedMs: PROMISED_MS,
      random: Math.random,
    }),
    truths: truthsOf(db),
    places: [lookAtL2(createL2Reader(redis)), ...(config.EDGE_URL ? [lookAtEdge(createEdgeLook({ ...look, url: config.EDGE_URL }))] : [])],
    clock,
    promisedMs: PROMISED_MS,
    observe,
  })
  /** A little sooner than this process comes by again, or it would miss every other turn. */
  const popularRules = { everyMs: 0.9 * config.POPULAR_EVERY_MS, idEpochMs: EPOCH_MS }
  const popular = () => db.transaction((tx) => computePopular(tx, popularRules))
  async function housekeeping(): Promise<void> {
    while (
      !signal.aborted &&
      (await db.transaction((tx) => retireViewers(tx, tuning.thresholds.DORMANT_DAYS, RETIRE_BATCH))) === RETIRE_BATCH
    );
    if (recovered) await prune(db)
    while (!signal.aborted && (await pruneRollup(db, config.ANALYTICS_RETENTION_HOURS, PRUNE_BATCH)) === PRUNE_BATCH);
    while (!signal.aborted && (await pruneActivities(db, config.ACTIVITY_RETENTION_DAYS, PRUNE_BATCH)) === PRUNE_BATCH);
    await pruneConsistency(db, config.ANALYTICS_RETENTION_HOURS)
  }
  let turns: Turns = {}
  let stopping = false
  const known = knownMigrations()
  const loops = [
    loop('mint', RENEW_EVERY_MS, () => mint.renew()),
    loop('beat', BEAT_MS, beat),
    loop('turns', TURNS_MS, async () => {
      turns = await turnsOf(db)
    }),
    loop('analytics', ROLLUP_MS, () => rollup.write()),
    ...Array.from({ length: config.FANOUT_WORKERS }, () => {
      const worker = createFanoutWorker({ db, queue, delivery, observe })
      return loop('fan-out', 0, async () => {
        await worker.drain(signal).finally(() => bell.wait(POLL_MS, signal))
      })
    }),
    ...(config.FANOUT_WORKERS > 0
      ? [
          loop('invalidations', POLL_MS, () => untilNone(() => payInvalidations(db, delivery))),
          loop('pushes', POLL_MS, () => payAllPushes({ db, delivery, clock, observe }, signal)),
          loop('cleanups', POLL_MS, () => cleanNext(db)),
          loop('sweeps', POLL_MS, () => untilNone(() => sweepNext(db, delivery))),
          loop('tiers', TIERS_MS, () => tuning.stepTiers()),
          loop('popular', config.POPULAR_EVERY_MS, popular),
          loop('housekeeping', HOUSEKEEPING_MS, housekeeping),
        ]
      : [loop('settings', TIERS_MS, () => tuning.refresh())]),
    ...(config.MONITOR_SAMPLES_PER_MINUTE > 0 ? [loop('consistency', MONITOR_POLL_MS, () => takeTurn(signal))] : []),
  ]

  const app = createApp({
    db,
    edgeKey,
    clock,
    mint: () => mint.mint(),
    settle,
    jobs: { queueing: () => ({ turns, bigLaneFollowers: tuning.thresholds.BIG_LANE_FOLLOWERS }), announce },
    routing: () => tuning.routing(),
    readiness: createReadiness(
      {
        // Answers for Postgres as well: without it, or with tables older than this code, nothing can be served.
        database: { required: true, ask: async () => pendingMigrations(known, await appliedMigrations(db)).length === 0 },
        // Reads need no ids. Were this required, a clock that Postgres does not share would take all origins away at once.
        mint: { required: false, ask: async () => mint.able },
        redis: { required: false, ask: async () => clock.monotonicMs() - redisAcknowledgedAtMs < REDIS_SILENT_MS },
      },
      () => stopping,
      clock,
    ),
    rollup,
    rebuilds,
    listFormat: config.LIST_FORMAT,
    maxConcurrentRequests: config.MAX_CONCURRENT_REQUESTS,
    demo: config.DEMO === 'on' ? { delivery } : undefined,
    newRequestId: randomUUID,
    observe,
  })
  return {
    app,
    retire() {
      stopping = true
    },
    async close() {
      stop.abort()
      await Promise.all([...loops, rebuilds.close()])
      await rollup.write().catch(() => {})
      await heartbeat.handOver().catch(() => {})
      await mint.close().catch(() => {})
      await connection.close()
    },
  }
}
