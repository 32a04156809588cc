import type { Caller } from '../../contract/signature.ts'

/** A write on its way to the origin. */
export interface Forwarded {
  readonly method: string
  readonly path: string
  readonly body: Uint8Array<ArrayBuffer>
  readonly headers: Readonly<Record<string, string>>
  readonly caller: Caller
  readonly requestId: string
}

/** Passes a write on, signed for its caller. Rejects with `origin-unavailable` when no answer came in time. */
export type Forward = (request: Forwarded) => Promise<Response>
