import { toBase64Url } from '../contract/signed.ts'
import type { Clock, Random } from './cache/clock.ts'
import { patience } from './cache/deadline.ts'

/** Is this workerd's neighbour? There a look at the clock costs a fifth of a hit in memory. */
const isNode = globalThis.navigator?.userAgent.startsWith('Node.js') ?? false
let turnStandsAtMs = 0

/** Node's clock, looked at once a millisecond at most. No use in workerd, whose timers belong to requests and whose clock is cheap. */
function turnMs(): number {
  if (turnStandsAtMs === 0) {
    turnStandsAtMs = Date.now()
    setTimeout(() => {
      turnStandsAtMs = 0
    }, 0)
  }
  return turnStandsAtMs
}

/** Time as the platform has it. */
export const clock: Clock = {
  nowMs: () => Date.now(),
  turnMs: isNode ? turnMs : () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const timer = setTimeout(resolve, ms)
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        resolve()
      })
    }),
}

/** Chance as the platform has it. */
export const random: Random = Math.random

/** Aborts after `ms`; a process that was held up by its own work gets a moment more to read what has come meanwhile. */
export function timeoutSignal(ms: number): AbortSignal {
  const giveUp = new AbortController()
  void patience(clock, ms).then(() => giveUp.abort(new DOMException(`no answer within ${ms} ms`, 'TimeoutError')))
  return giveUp.signal
}

/** 16 random bytes: 22 characters, as the scripts expect of a lease token. */
export const newToken = (): string => toBase64Url(crypto.getRandomValues(new Uint8Array(16)))
