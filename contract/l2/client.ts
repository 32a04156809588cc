/**
 * How `@upstash/redis` is set up on both sides: no base64, no guessing at types, no pipelining behind our back, no retries in
 * secret. An abort signal must be given as a *function*: given as a signal, an aborted call resolves null, so that a timeout reads as
 * a miss and a lease as won.
 */
export const CLIENT_OPTIONS = {
  responseEncoding: false,
  automaticDeserialization: false,
  enableAutoPipelining: false,
  readYourWrites: false,
  retry: { retries: 0 }, // false would try once more: a lease whose answer was lost is then refused by itself
  enableTelemetry: false,
} as const
