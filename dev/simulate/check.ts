import { setTimeout as sleep } from 'node:timers/promises'
import { pageSchema } from '../../contract/post.ts'
import type { Database } from '../../origin/db/client.ts'
import { type OracleLine, oracleFeed } from '../../origin/db/oracle.ts'
import { countUnsettled } from '../../origin/db/simulation.ts'
import { type Ask, newClient } from './client.ts'
import { FEED } from './reader.ts'

/** How many feeds were compared, line by line, with what a brute-force SQL query gives. */
export interface Check {
  readonly readers: number
  readonly pages: number
  readonly lines: number
  /** Milliseconds until all writes had settled; undefined where they had not within `SETTLE_MS`. */
  readonly settledAfterMs: number | undefined
  readonly differences: readonly Difference[]
}
export interface Difference {
  readonly reader: string
  /** The first line that differs, from 0. */
  readonly line: number
  readonly expected: string
  readonly seen: string
}

const SETTLE_MS = 60_000
/** Caches may lag by the promised 5 s; on a busy machine we grant as much again. */
const LAG_MS = 10_000
const PAUSE_MS = 200
const AT_ONCE = 4
const PAGE_SIZE = 100

interface Order {
  readonly db: Database
  readonly ask: Ask
  readonly readerIds: readonly string[]
  /** How long a feed may go on to differ. */
  readonly lagMs?: number
}

/** Once nothing is left to be fanned out, reads the whole feed of each reader over HTTP, page by page, and compares. */
export async function checkFeeds({ db, ask, readerIds, lagMs = LAG_MS }: Order): Promise<Check> {
  const settledAfterMs = await settled(db)
  const lateAtMs = performance.now() + lagMs
  const differences: Difference[] = []
  let pages = 0
  let lines = 0
  const queue = readerIds.values()
  const compareNext = async (): Promise<void> => {
    for (const reader of queue) {
      const expected = await oracleFeed(db, reader)
      let difference: Difference | undefined
      do {
        const seen = await scroll(ask, reader)
        difference = differenceOf(reader, expected, seen.lines)
        if (difference) await sleep(PAUSE_MS)
        else {
          pages += seen.pages
          lines += seen.lines.length
        }
      } while (difference && performance.now() < lateAtMs)
      if (difference) differences.push(difference)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, compareNext))
  return { readers: readerIds.length, pages, lines, settledAfterMs, differences }
}

/** Waits until writes have left nothing to do; answers how long it took. */
async function settled(db: Database): Promise<number | undefined> {
  const fromMs = performance.now()
  for (;;) {
    const left = await countUnsettled(db)
    const afterMs = performance.now() - fromMs
    if (left === 0) return afterMs
    if (afterMs > SETTLE_MS) return undefined
    await sleep(PAUSE_MS)
  }
}

/** Reads a feed to its end, or to the first page that does not come. */
async function scroll(ask: Ask, reader: string): Promise<{ readonly lines: OracleLine[]; readonly pages: number }> {
  const client = newClient(reader, false)
  const lines: OracleLine[] = []
  let cursor: string | null = null
  let pages = 0
  do {
    const query: URLSearchParams = new URLSearchParams({ limit: String(PAGE_SIZE), ...(cursor === null ? {} : { cursor }) })
    const path = `${FEED}?${query}`
    const answer = await ask(client, { kind: 'check', path, schema: pageSchema, dueAtMs: performance.now() })
    if (!answer?.body) break
    pages += 1
    for (const post of answer.body.posts) lines.push([post.activity_id, post.id])
    cursor = answer.body.next_cursor
  } while (cursor !== null)
  return { lines, pages }
}

/** Where two feeds part; undefined where they are the same. */
export function differenceOf(reader: string, expected: readonly OracleLine[], seen: readonly OracleLine[]): Difference | undefined {
  const textAt = (lines: readonly OracleLine[], at: number) => lines[at]?.join(' shows ') ?? 'nothing'
  for (let line = 0; line < Math.max(expected.length, seen.length); line += 1) {
    if (textAt(expected, line) !== textAt(seen, line)) return { reader, line, expected: textAt(expected, line), seen: textAt(seen, line) }
  }
  return undefined
}
