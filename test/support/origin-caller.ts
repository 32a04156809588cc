import { SIGNATURE_HEADER } from '../../contract/headers.ts'
import { type Caller, signRequest } from '../../contract/signature.ts'
import { importKey } from '../../contract/signed.ts'
import type { Stack } from './stack.ts'

export type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Response>

/** Requests to the origin as the edge signs them for a user, or for a service where there is none. */
export function callerOf(stack: Pick<Stack, 'originUrl' | 'secrets'>, userId?: string): Call {
  const key = importKey(stack.secrets.EDGE_SECRET)
  const caller: Caller = userId === undefined ? { service: true } : { userId }
  return async (method, path, body, headers = {}) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const signature = await signRequest(await key, { method, target: path, body: new TextEncoder().encode(text) }, caller, Date.now())
    const json = body === undefined ? {} : { 'content-type': 'application/json' }
    const init = { method, headers: { ...headers, ...json, [SIGNATURE_HEADER]: signature } }
    return fetch(stack.originUrl() + path, text === '' ? init : { ...init, body: text })
  }
}
