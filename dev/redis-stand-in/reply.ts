/** Bytes as a string of one character per byte (latin1): Redis' keys and values are bytes, and JavaScript compares and slices strings well. */
export type Bytes = string

/** A status such as OK. */
export class Status {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** An error of a command, with its code in front: thrown by commands, and a reply where a script or a transaction returns it. */
export class CommandError extends Error {}

/** Field, value, field, value: a map in RESP3, an array in RESP2. */
export class Pairs {
  readonly items: readonly Reply[]
  constructor(items: readonly Reply[]) {
    this.items = items
  }
}

/** What a command answers; a string is a bulk string, a bigint an integer beyond 2^53. */
export type Reply = Bytes | number | bigint | null | Status | CommandError | Pairs | readonly Reply[]

export const OK = new Status('OK')

export const syntaxError = () => new CommandError('ERR syntax error')
export const wrongArity = (name: string) => new CommandError(`ERR wrong number of arguments for '${name}' command`)

const INT64_MAX = 2n ** 63n - 1n

/** A whole number of 64 bits, as strictly as Redis reads it: no plus, no leading zeros, no spaces. */
export function parseInt64(text: Bytes, complaint = 'ERR value is not an integer or out of range'): bigint {
  const value = /^(0|-?[1-9]\d{0,18})$/.test(text) ? BigInt(text) : undefined
  if (value !== undefined && isInt64(value)) return value
  throw new CommandError(complaint)
}

export const isInt64 = (value: bigint): boolean => value <= INT64_MAX && value >= -INT64_MAX - 1n

/** Seconds as milliseconds and a moment from now as one since 1970, or the error of `command`. */
export function expiryMoment(amount: bigint, { seconds, fromMs }: { seconds: boolean; fromMs: number }, command: string): number {
  const atMs = amount * (seconds ? 1000n : 1n) + BigInt(fromMs)
  if (isInt64(seconds ? amount * 1000n : amount) && isInt64(atMs)) return Number(atMs)
  throw new CommandError(`ERR invalid expire time in '${command}' command`)
}
