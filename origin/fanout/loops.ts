/** Time as the loops see it. `sleep` ends early, without an error, when the signal aborts. */
export interface LoopClock {
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export interface LoopEvent {
  readonly type: 'loop-failed'
  readonly loop: string
  readonly error: unknown
}

/** Runs a task again and again, `pauseMs` after it ended, until the signal aborts. A failure is reported and tried again. */
export async function every(
  loop: string,
  pauseMs: number,
  task: () => Promise<unknown>,
  { clock, signal, observe }: { clock: LoopClock; signal: AbortSignal; observe: (event: LoopEvent) => void },
): Promise<void> {
  while (!signal.aborted) {
    try {
      await task()
    } catch (error) {
      if (!signal.aborted) observe({ type: 'loop-failed', loop, error })
    }
    await clock.sleep(pauseMs, signal)
  }
}

/** Why a sleep ended; without it an error would be made each time. */
const WOKEN = 'woken'

/** A bell that idle workers wait for. A ring while nobody waits is remembered. */
export interface Bell {
  /** Wakes one who waits. False when nobody did. */
  ring(): boolean
  /** Resolves at a ring, or after `ms`. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export function createBell(clock: LoopClock): Bell {
  let rung = false
  const waiting = new Set<() => void>()
  return {
    ring() {
      const [wake] = waiting
      rung = !wake
      if (wake) waiting.delete(wake)
      wake?.()
      return !rung
    },
    async wait(ms, signal) {
      if (!rung && !signal.aborted) {
        const woken = new AbortController()
        const wake = () => woken.abort(WOKEN)
        waiting.add(wake)
        signal.addEventListener('abort', wake)
        await clock.sleep(ms, woken.signal)
        signal.removeEventListener('abort', wake)
        waiting.delete(wake)
      }
      rung = false
    },
  }
}
