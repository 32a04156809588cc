import { get, type IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Errand {
  readonly url: string
  /** The client goes away after this (milliseconds), by a TCP reset: workerd does not feel a FIN. */
  readonly leavesAfterMs?: number
}

export type Outcome =
  | {
      readonly type: 'answered'
      readonly status: number
      readonly headers: IncomingHttpHeaders
      readonly body: string
      readonly tookMs: number
    }
  | { readonly type: 'left' }
  /** No answer within the deadline. */
  | { readonly type: 'hung' }
  | { readonly type: 'broken'; readonly error: string }

interface Options {
  /** Connections at once; every errand has its own. */
  readonly atOnce: number
  readonly deadlineMs: number
  /** Called when the last request is on its way. */
  readonly onAllSent?: () => void
}

/** Sends a crowd of GETs; answers what became of each, in the same order. */
export async function sendCrowd(errands: readonly Errand[], { atOnce, deadlineMs, onAllSent }: Options): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const queue = errands.entries()
  let sent = 0
  const onSent = () => {
    if (++sent === errands.length) onAllSent?.()
  }
  const runErrands = async () => {
    for (const [i, errand] of queue) outcomes[i] = await run(errand, deadlineMs, onSent)
  }
  await Promise.all(Array.from({ length: atOnce }, runErrands))
  return outcomes
}

/** Counts by the kind of outcome, answers by their status. */
export function countOutcomes(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const outcome of outcomes) {
    const name = outcome.type === 'answered' ? String(outcome.status) : outcome.type
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

function run({ url, leavesAfterMs }: Errand, deadlineMs: number, onSent: () => void): Promise<Outcome> {
  return new Promise((resolve) => {
    const startedAtMs = performance.now()
    const timers: NodeJS.Timeout[] = []
    const end = (outcome: Outcome) => {
      for (const timer of timers) clearTimeout(timer)
      resolve(outcome) // only the first end counts
      request.destroy()
    }
    const go = (outcome: Outcome) => {
      request.socket?.resetAndDestroy()
      end(outcome)
    }
    const request = get(url, { agent: false }, (response) => {
      text(response).then(
        (body) => {
          const { statusCode: status = 0, headers } = response
          end({ type: 'answered', status, headers, body, tookMs: performance.now() - startedAtMs })
        },
        (error: Error) => end({ type: 'broken', error: error.message }),
      )
    })
    request.on('finish', onSent)
    request.on('error', (error) => end({ type: 'broken', error: error.message }))
    timers.push(setTimeout(go, deadlineMs, { type: 'hung' }))
    if (leavesAfterMs !== undefined) timers.push(setTimeout(go, leavesAfterMs, { type: 'left' }))
  })
}
