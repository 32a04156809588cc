import type { DataPoint, WorkMeasures } from '../../contract/analytics.ts'
import type { EventSink, WorkCounter } from '../http/events.ts'
import { pointOf, withWork } from './point.ts'

interface Options {
  /** Sends points to the origin, bounded in time; rejects when they did not arrive. */
  readonly post: (points: readonly DataPoint[]) => Promise<unknown>
  readonly work: WorkCounter
  readonly clock: { nowMs(): number; sleep(ms: number): Promise<void> }
  /** A batch is sent when it has this many points, */
  readonly batchSize: number
  /** or when its first point has waited for this long (milliseconds). */
  readonly delayMs: number
  /** A batch that is on its way for longer is lost: its request was ended without a word (milliseconds). */
  readonly lostAfterMs: number
}

interface Batch {
  readonly points: readonly DataPoint[]
  /** What its last point carries. */
  readonly work: WorkMeasures
  readonly startedAtMs: number
}

/** Batches on their way at once. While there are so many and the next one is full, points are dropped. */
const MAX_BATCHES = 4

/**
 * The local twin of Analytics Engine: points go to the origin in batches. Requests share plain data only (docs/architecture.md,
 * Isolates): whoever buffers a batch's first point keeps a timer for it, whoever fills it sends it, each under its own `waitUntil`;
 * a timer that should have rung and did not is taken over by the next request. Points that cannot be sent are dropped and counted,
 * never repeated, for a batch of which no answer came may have arrived; the work it carried goes with the next one.
 */
export function createOriginSink({ post, work, clock, batchSize, delayMs, lostAfterMs }: Options): EventSink {
  let buffer: DataPoint[] = []
  let timer: { readonly ringsAtMs: number } | undefined
  const underWay = new Set<Batch>()

  function giveUp(batch: Batch): void {
    if (!underWay.delete(batch)) return
    work.add(batch.work)
    work.add({ dropped: batch.points.length })
  }

  /** Sends what is buffered if it may; the last point carries what the isolate did meanwhile. */
  async function send(): Promise<void> {
    for (const batch of underWay) if (clock.nowMs() - batch.startedAtMs > lostAfterMs) giveUp(batch)
    const last = buffer.at(-1)
    if (!last || underWay.size >= MAX_BATCHES) return
    const done = work.take()
    const batch = { points: [...buffer.slice(0, -1), withWork(last, done)], work: done, startedAtMs: clock.nowMs() }
    buffer = []
    underWay.add(batch)
    await post(batch.points).then(
      () => underWay.delete(batch),
      () => giveUp(batch),
    )
    // What came while too many were on their way.
    if (buffer.length > 0 && !timer) await sendLater()
  }

  async function sendLater(): Promise<void> {
    const mine = { ringsAtMs: clock.nowMs() + delayMs }
    timer = mine
    await clock.sleep(delayMs)
    if (timer === mine) timer = undefined
    await send()
  }

  return (event, background) => {
    if (buffer.length >= batchSize) background(send())
    if (buffer.length >= batchSize) return work.add({ dropped: 1 })
    buffer.push(pointOf(event))
    if (buffer.length >= batchSize) background(send())
    else if (!timer || clock.nowMs() > timer.ringsAtMs + delayMs) background(sendLater())
  }
}
