import type { OriginPort } from './origin-port.ts'

/** Hears how long the origin was waited for (milliseconds), whether it answered or not. */
export type Waited = (startedAtMs: number, tookMs: number) => void

/** The origin as one request asks it for history: that request is told what it waited. */
export function withTiming(origin: OriginPort, clock: { nowMs(): number }, waited: Waited): OriginPort {
  async function timed<T>(ask: () => Promise<T>): Promise<T> {
    const startedAtMs = clock.nowMs()
    try {
      return await ask()
    } finally {
      waited(startedAtMs, clock.nowMs() - startedAtMs)
    }
  }
  return {
    older: (question) => timed(() => origin.older(question)),
    olderOfAuthor: (question) => timed(() => origin.olderOfAuthor(question)),
    marks: (question) => timed(() => origin.marks(question)),
  }
}
