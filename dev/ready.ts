import { setTimeout as sleep } from 'node:timers/promises'
import { sign } from 'hono/jwt'
import { pageSchema } from '../contract/post.ts'
import { lineOf } from './command-line.ts'

const READY_DEADLINE_MS = 60_000
const ANSWER_DEADLINE_MS = 5_000

/** A bearer token as the product would issue it: of a user, or of a service. */
export function issueToken(
  jwtSecret: string,
  claims: { readonly sub: string } | { readonly role: 'service' },
  hours: number,
): Promise<string> {
  return sign({ ...claims, exp: Math.floor(Date.now() / 1_000) + Math.round(hours * 3_600) }, jwtSecret, 'HS256')
}

/** Waits until a feed can be read through the worker; answers how many posts its first page has. */
export async function untilReadable(workerUrl: string, token: string, signal: AbortSignal): Promise<number> {
  const giveUpAtMs = performance.now() + READY_DEADLINE_MS
  for (;;) {
    try {
      const response = await fetch(`${workerUrl}/v1/feed/following`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_DEADLINE_MS)]),
      })
      const text = await response.text()
      if (response.status === 200) return pageSchema.parse(JSON.parse(text)).posts.length
      throw new Error(`the worker answers ${response.status}: ${text.slice(0, 300)}`)
    } catch (error) {
      signal.throwIfAborted()
      if (performance.now() >= giveUpAtMs) {
        throw new Error(`no feed could be read within ${READY_DEADLINE_MS / 1000} s: ${lineOf(error)}`, { cause: error })
      }
      await sleep(50, undefined, { signal })
    }
  }
}
