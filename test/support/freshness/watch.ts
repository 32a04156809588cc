import { setTimeout as sleep } from 'node:timers/promises'
import { DEGRADED_HEADER, VERSION_HEADER } from '../../../contract/headers.ts'
import { eventually } from '../eventually.ts'
import { runningMs } from '../running-time.ts'
import type { Person, Written } from './people.ts'

/** A place where something may be read: an answer of 200 that has `needle` in it shows it. */
export interface Look {
  readonly reader: Person | undefined
  readonly path: string
  readonly needle: string
}

/** One answer. Times are milliseconds since the write was acknowledged; before that they are negative. */
interface Glance {
  readonly sentMs: number
  readonly answeredMs: number
  readonly shown: boolean
}

/** What one isolate answered to one look. */
export interface Sightings {
  readonly look: Look
  readonly isolate: string
  readonly glances: readonly Glance[]
}

/** Milliseconds within which what a write took away is gone everywhere, and what it brought is there (README, promises 3 and 4). */
export const PROMISED_MS = 5_000

/** Whether an isolate shows it; undefined where it could not answer, or says itself that it answers as it was. By what a write answered the reader may insist on that write. */
export async function shows(
  isolate: string,
  { reader, path, needle }: Look,
  insist: Record<string, string> = {},
): Promise<boolean | undefined> {
  const response = await fetch(isolate + path, { headers: { ...(reader && { authorization: `Bearer ${reader.token}` }), ...insist } })
  const text = await response.text()
  if (response.status >= 500 || response.headers.has(DEGRADED_HEADER)) return undefined
  return response.status === 200 && text.includes(needle)
}

export const byHeader = ({ version }: Written): Record<string, string> => ({ [VERSION_HEADER]: version ?? '' })
export const byCookie = ({ cookie }: Written): Record<string, string> => ({ cookie: cookie ?? '' })

/** Waits until every isolate agrees, which makes its memory warm. */
export async function untilAll(isolates: readonly string[], looks: readonly Look[], shown: boolean, deadlineMs = 30_000): Promise<void> {
  await Promise.all(
    pairsOf(isolates, looks).map(({ isolate, look }) =>
      eventually(
        async () => {
          const isShown = await shows(isolate, look)
          if (isShown === undefined) throw new Error(`${look.path} is not answered`)
          if (isShown !== shown) throw new Error(`${look.path} ${shown ? 'lacks' : 'has'} ${look.needle}`)
        },
        deadlineMs,
        700,
      ),
    ),
  )
}

export interface Watching {
  readonly isolates: readonly string[]
  /** Milliseconds between two readings of the same place. */
  readonly pauseMs: number
  /** Stops at each place once it is so there, and does not see whether it stays so. */
  readonly untilShown?: boolean
}

/**
 * Has every isolate read each look again and again, before `act`, during it and for the promised time after its acknowledgement. The last glance
 * of each is then sent later than that.
 */
export async function watch(
  looks: readonly Look[],
  act: () => Promise<Written>,
  { isolates, pauseMs, untilShown }: Watching,
): Promise<readonly Sightings[]> {
  const acted = new AbortController()
  let endsAtMs = Number.POSITIVE_INFINITY
  const watching = Promise.all(
    pairsOf(isolates, looks).map(async ({ isolate, look }, place) => {
      const glances: Glance[] = []
      await sleep((pauseMs * place) / (isolates.length * looks.length)) // not all at once
      for (let isLast = false; !isLast; await sleep(pauseMs)) {
        if (acted.signal.aborted) break
        const sentMs = runningMs()
        const shown = await shows(isolate, look)
        if (shown === undefined) continue
        glances.push({ sentMs, shown, answeredMs: runningMs() })
        isLast = sentMs > endsAtMs || (untilShown === shown && sentMs > endsAtMs - PROMISED_MS)
      }
      return { look, isolate, glances }
    }),
  )
  watching.catch(() => {}) // told below
  await sleep(2 * pauseMs)
  const written = await act().catch((error: unknown) => {
    acted.abort()
    throw error
  })
  endsAtMs = written.ackedAtMs + PROMISED_MS
  return (await watching).map(({ glances, ...rest }) => ({
    ...rest,
    glances: glances.map(({ sentMs, answeredMs, shown }) => ({
      sentMs: sentMs - written.ackedAtMs,
      answeredMs: answeredMs - written.ackedAtMs,
      shown,
    })),
  }))
}

/** When the last answer that was not yet as it should be arrived: 0 where none was (milliseconds since the acknowledgement). */
export const tookMs = ({ glances }: Sightings, shown: boolean): number =>
  Math.max(0, ...glances.filter((glance) => glance.shown !== shown).map(({ answeredMs }) => answeredMs))

/** Who still answered otherwise to a request sent when the promised time was over. */
export const brokenBy = (sightings: readonly Sightings[], shown: boolean): Sightings[] =>
  sightings.filter(({ glances }) => glances.some((glance) => glance.sentMs > PROMISED_MS && glance.shown !== shown))

const pairsOf = (isolates: readonly string[], looks: readonly Look[]) =>
  isolates.flatMap((isolate) => looks.map((look) => ({ isolate, look })))
