import * as z from 'zod'

/** The version token (README, promise 3): returned by a write, sent back by the client with its next reads. */
export const VERSION_HEADER = 'tideline-version'

/** The same token for browsers, which send it back by themselves. */
export const VERSION_COOKIE = 'tideline_version'

/** What a write raised, from the origin to the edge: a JSON object of cache key → truth version. The edge signs it for the client. */
export const RAISED_HEADER = 'tideline-raised'

/** Why an answer is less than it should be: a comma-separated list, absent when nothing is wrong. */
export const DEGRADED_HEADER = 'tideline-degraded'

/** `complete` or `incomplete`: may the answer lack something that belongs there? `DEGRADED_HEADER` says why. */
export const COMPLETENESS_HEADER = 'tideline-completeness'

/** How old a page is: milliseconds since the oldest part of it was last read from L2, verified with it, or loaded. */
export const AGE_HEADER = 'tideline-age'

/** Says that a repeated Idempotency-Key was answered from what the first request did. */
export const REPLAYED_HEADER = 'idempotency-replayed'

/** The edge's signature on a request to the origin: `contract/signature.ts`. */
export const SIGNATURE_HEADER = 'tideline-signature'

/** Names a request in logs and problems. */
export const REQUEST_ID_HEADER = 'tideline-request-id'

/** An Idempotency-Key: names a write, so that a retry does it once. */
export const idempotencyKeySchema = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'An Idempotency-Key has 1 to 255 visible ASCII characters.')
