import { type DataPoint, doubleOf, KEY_CLASSES, LAYERS, REQUEST_MEASURES, unpackCounts, WORK_MEASURES } from '../../contract/analytics.ts'
import { addToRollup, BUCKET_MS, type RollupRow, SUMS, type Sums } from '../db/analytics.ts'
import { type Database, isLostConnection } from '../db/client.ts'
import { binOf } from '../db/histogram.ts'

/** Gathers data points and adds them to Postgres now and then: whoever sends them waits for no statement, and takes none from reads. */
export interface Rollup {
  /** Takes points; false where it is full, and then it has taken none. */
  add(points: readonly DataPoint[]): boolean
  /**
   * Writes what was gathered, in one statement. What cannot be written is kept for the next time; what may have been written, for the
   * connection ended before the answer, counts as dropped.
   */
  write(): Promise<void>
}

/** A point may be so old, or so far ahead by the edge's clock (milliseconds); others are counted as dropped. */
const OLDEST_MS = 10 * 60_000
const AHEAD_MS = 60_000
/** Rows that may wait to be written: ten minutes of thirty kinds of requests would be half of it. */
const MAX_ROWS = 4_000

type Row = RollupRow & { readonly latencies: number[] }

export function createRollup(db: Database, clock: { nowMs(): number }): Rollup {
  let rows = new Map<string, Row>()

  function rowOf({ bucketAtMs, route, statusClass, layer }: Omit<RollupRow, 'sums' | 'latencies'>): Row {
    const key = `${bucketAtMs} ${route} ${statusClass} ${layer}`
    const known = rows.get(key)
    if (known) return known
    const row = { bucketAtMs, route, statusClass, layer, sums: Object.fromEntries(SUMS.map((name) => [name, 0])) as Sums, latencies: [] }
    rows.set(key, row)
    return row
  }

  function addPoint(point: DataPoint, nowMs: number): void {
    const [route, , statusClass, layer, degraded] = point.blobs
    const onTime = point.atMs > nowMs - OLDEST_MS && point.atMs < nowMs + AHEAD_MS
    const atMs = onTime ? point.atMs : nowMs
    const { sums, latencies } = rowOf({ bucketAtMs: atMs - (atMs % BUCKET_MS), route, statusClass, layer })
    if (!onTime) return void sums.dropped++
    const measure = (name: Parameters<typeof doubleOf>[0]): number => Math.round(point.doubles[doubleOf(name)] ?? 0)
    for (const keyClass of KEY_CLASSES) {
      const counts = unpackCounts(measure(keyClass))
      for (const layer of LAYERS) sums[`${keyClass}_${layer}`] += counts[layer]
    }
    for (const [name, column] of COLUMNS) sums[column] += measure(name)
    sums.requests++
    if (degraded !== '') sums.degraded++
    count(latencies, binOf(measure('totalMs')), 1)
  }

  return {
    add(points) {
      if (rows.size >= MAX_ROWS) return false
      const nowMs = clock.nowMs()
      for (const point of points) addPoint(point, nowMs)
      return true
    },
    async write() {
      if (rows.size === 0) return
      const writing = rows
      rows = new Map()
      try {
        await addToRollup(db, [...writing.values()])
      } catch (error) {
        for (const row of writing.values()) {
          const { sums, latencies } = rowOf(row)
          if (isLostConnection(error)) {
            sums.dropped += row.sums.dropped + row.sums.requests
            continue
          }
          for (const name of SUMS) sums[name] += row.sums[name]
          for (const [bin, requests] of row.latencies.entries()) count(latencies, bin, requests)
        }
        throw error
      }
    },
  }
}

function count(latencies: number[], bin: number, requests: number): void {
  while (latencies.length <= bin) latencies.push(0)
  latencies[bin] = (latencies[bin] ?? 0) + requests
}

type Snake<Name extends string> = Name extends `${infer Head}${infer Rest}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${Snake<Rest>}`
  : ''
/** `totalMs` in `total_ms`: the same word in SQL. */
const columnOf = <Name extends string>(measure: Name): Snake<Name> =>
  measure.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) as Snake<Name>
const COLUMNS = [...REQUEST_MEASURES, ...WORK_MEASURES].map((name) => [name, columnOf(name)] as const)
