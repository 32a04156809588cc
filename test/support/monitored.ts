import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { keyOf } from '../../contract/l2/keys.ts'
import { importKey } from '../../contract/signed.ts'
import { createEdgeLook, lookAtEdge } from '../../origin/adapters/edge.ts'
import { createL2 } from '../../origin/adapters/l2.ts'
import { createL2Reader } from '../../origin/adapters/l2-reader.ts'
import { insertInvalidations } from '../../origin/db/invalidations.ts'
import { deleteActivity } from '../../origin/db/posts.ts'
import { createDelivery, TOMBSTONE } from '../../origin/fanout/deliver.ts'
import type { Heartbeat } from '../../origin/fanout/heartbeat.ts'
import type { L2Port } from '../../origin/fanout/l2-port.ts'
import { lookAtL2 } from '../../origin/monitor/answers.ts'
import { createMonitor, type MonitorEvent } from '../../origin/monitor/monitor.ts'
import { monitorStore } from '../../origin/monitor/store.ts'
import { truthsOf } from '../../origin/monitor/truths.ts'
import { fanoutWorker } from './fan-out.ts'
import type { Stack } from './stack.ts'

const PREFIX = 'tideline:'
const timeoutSignal = (ms: number) => AbortSignal.timeout(ms)
const l2Options = (stack: Stack) => ({ url: stack.l2Url, token: stack.l2Token, prefix: PREFIX, deadlineMs: 20_000, timeoutSignal })

/** The monitor as `origin/wiring.ts` puts it together, on the real parts of a stack, with its times divided by `scale`, and samples of just now. A turn is taken when told to. */
export async function monitorOf(stack: Stack, scale: number, keysPerTurn = 50) {
  const events: MonitorEvent[] = []
  const promisedMs = 5_000 / scale
  const look = { url: stack.urls[0] ?? '', deadlineMs: 20_000, clock: { nowMs: Date.now }, newRequestId: randomUUID, timeoutSignal }
  const turn = createMonitor({
    store: monitorStore(stack.db, { everyMs: 5_000 / scale, keysPerTurn, promisedMs, random: () => Math.random() / 100 }),
    truths: truthsOf(stack.db),
    places: [
      lookAtL2(createL2Reader(l2Options(stack))),
      lookAtEdge(createEdgeLook({ ...look, key: await importKey(stack.secrets.EDGE_SECRET) })),
    ],
    clock: { monotonicMs: () => performance.now(), sleep: (ms) => sleep(ms / scale) },
    promisedMs,
    observe: (event) => events.push(event),
  })
  return { events, turn: () => turn(new AbortController().signal) }
}

const MACHINE = 1_023

/** The part of an origin that fans out and invalidates; while `drops` is on, its L2 port acknowledges what it is told and does not do it. */
export function saboteurOf(stack: Stack) {
  const real = createL2(l2Options(stack))
  const state = { drops: false }
  const port: L2Port = {
    ...real,
    push: (entries, deliveries, machineId) => (state.drops ? real.invalidate([], machineId) : real.push(entries, deliveries, machineId)),
    invalidate: (invalidations, machineId) => real.invalidate(state.drops ? [] : invalidations, machineId),
  }
  const heartbeat: Heartbeat = {
    era: 0,
    watch: async (write) => void (await write(MACHINE)),
    beat: async () => {},
    recoverAtStart: async () => {},
    handOver: async () => {},
  }
  const delivery = createDelivery({ db: stack.db, l2: port, heartbeat, clock: { nowMs: Date.now, monotonicMs: () => performance.now() } })
  const worker = fanoutWorker(stack.db, { delivery, batch: 100 })
  return {
    state,
    /** Fans out what is due. */
    fanOut: () => worker.drain(AbortSignal.timeout(60_000)),
    /** Deletes a post as the route does. */
    async remove(postId: string, authorId: string): Promise<void> {
      const rows = await stack.db.transaction(async (tx) => {
        const versions = await deleteActivity(tx, BigInt(postId), BigInt(authorId))
        return insertInvalidations(tx, [
          { key: keyOf.post(postId, 'public'), truth: versions?.truth ?? 0, replacement: TOMBSTONE },
          { key: keyOf.author(authorId, 'public'), truth: versions?.postVersion ?? 0, replacement: null },
        ])
      })
      await delivery.invalidate(rows)
    },
  }
}
