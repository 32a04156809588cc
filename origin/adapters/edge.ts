import { REQUEST_ID_HEADER, SIGNATURE_HEADER } from '../../contract/headers.ts'
import { type EdgeLooked, LOOK_PATH, lookResponseSchema } from '../../contract/look.ts'
import { signRequest } from '../../contract/signature.ts'
import type { SigningKey } from '../../contract/signed.ts'
import type { Answer } from '../monitor/judge.ts'
import type { LookedAt } from '../monitor/ports.ts'

interface Options {
  readonly url: string
  readonly key: SigningKey
  readonly deadlineMs: number
  readonly clock: { nowMs(): number }
  readonly newRequestId: () => string
  readonly timeoutSignal: (ms: number) => AbortSignal
}

/** Asks an isolate of the worker what it would answer for keys. Rejects when it does not say. */
export function createEdgeLook({ url, key, deadlineMs, clock, newRequestId, timeoutSignal }: Options) {
  return async (keys: readonly string[]): Promise<EdgeLooked[]> => {
    const body = new TextEncoder().encode(JSON.stringify({ keys }))
    const signature = await signRequest(key, { method: 'POST', target: LOOK_PATH, body }, {}, clock.nowMs())
    const response = await fetch(new URL(LOOK_PATH, url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', [SIGNATURE_HEADER]: signature, [REQUEST_ID_HEADER]: newRequestId() },
      body,
      redirect: 'manual',
      signal: timeoutSignal(deadlineMs),
    })
    const text = await response.text()
    if (response.status !== 200) throw new Error(`the edge answers ${response.status}`)
    return lookResponseSchema.parse(JSON.parse(text)).values
  }
}

/** The edge as a place to look at. */
export const lookAtEdge = (look: ReturnType<typeof createEdgeLook>): LookedAt => ({
  place: 'edge',
  look: async (keys) => (await look(keys)).map(toAnswer).filter((answer) => answer !== undefined),
})

function toAnswer({ key, layer, truth, digest, list }: EdgeLooked): Answer | undefined {
  if (layer === 'none') return undefined
  if (list) return { key, truth, says: { is: 'list', since: list.since, entries: list.entries } }
  return digest === null ? undefined : { key, truth, says: { is: 'value', digest } }
}
