/**
 * The frame around every value in L2: fixed-width decimal fields, so that a Lua script reads them with GETRANGE and
 * compares them as strings. All moments are absolute epoch milliseconds, counted from the start of the load, so that
 * a copy in a nearer tier never lives longer.
 *
 *   version 1 | soft 13 | hard 13 | grace 13 | delta 5 | truth 16 | stamp 8 | tail 3 | leased 1 | presence 1 | payload
 *
 * `truth` is the counter of the row that owns the key; `stamp` is raised by every script that writes the key; `tail`
 * counts the entries pushed since the last fill; `leased` is 1 once a lease was granted for this value, so that a push looks for the
 * lease of no other one; `presence` is `+` for a value, `-` for a remembered absence.
 */
export interface Framed {
  readonly softExpiresAtMs: number
  readonly hardExpiresAtMs: number
  readonly graceEndsAtMs: number
  /** What the load cost (milliseconds), for X-Fetch. */
  readonly deltaMs: number
  readonly truth: number
  readonly stamp: number
  readonly tailLength: number
  /** The payload, or null for a remembered absence. */
  readonly payload: string | null
}

/** The version of the frame this code writes and reads; anything else is a miss. */
export const FRAME_VERSION = '2'
export const FRAME_LENGTH = 74

/** Where the fields stand, 1-based and inclusive, as Lua's string.sub wants them. */
export const FRAME = {
  version: [1, 1],
  soft: [2, 14],
  truth: [46, 61],
  stamp: [62, 69],
  tail: [70, 72],
  leased: [73, 73],
  presence: [74, 74],
} as const

const pad = (value: number, width: number): string => String(Math.min(Math.max(0, Math.round(value)), 10 ** width - 1)).padStart(width, '0')

/** A truth version as scripts compare it. */
export const padTruth = (truth: number): string => pad(truth, 16)
/** A moment as scripts compare it. */
export const padMoment = (atMs: number): string => pad(atMs, 13)

export function encodeValue(value: Framed): string {
  return (
    FRAME_VERSION +
    pad(value.softExpiresAtMs, 13) +
    pad(value.hardExpiresAtMs, 13) +
    pad(value.graceEndsAtMs, 13) +
    pad(value.deltaMs, 5) +
    padTruth(value.truth) +
    pad(value.stamp, 8) +
    pad(value.tailLength, 3) +
    '0' +
    (value.payload === null ? '-' : `+${value.payload}`)
  )
}

/** Every field up to the presence in digits: a blank or an exponent would pass for a number too. */
const FRAME_PATTERN = new RegExp(`^${FRAME_VERSION}\\d{${FRAME_LENGTH - 2}}[+-]`)

/** Reads a framed value; anything that is not one (garbage, an unknown version) is undefined: a miss. */
export function decodeValue(text: string): Framed | undefined {
  if (!FRAME_PATTERN.test(text)) return undefined
  const number = (from: number, to: number) => Number(text.slice(from, to))
  return {
    softExpiresAtMs: number(1, 14),
    hardExpiresAtMs: number(14, 27),
    graceEndsAtMs: number(27, 40),
    deltaMs: number(40, 45),
    truth: number(45, 61),
    stamp: number(61, 69),
    tailLength: number(69, 72),
    payload: text[FRAME_LENGTH - 1] === '-' ? null : text.slice(FRAME_LENGTH),
  }
}
