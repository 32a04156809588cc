/**
 * How long after its acknowledgement a write may be missing from what any cache answers (milliseconds): promises 1, 3 and 4. Made of 2 s that memory
 * trusts a value, 2 s that a load may take, and 1 s that a replica may lag.
 */
export const PROMISED_MS = 5_000
