import type { Counts } from '../../contract/l2/counts-value.ts'
import type { Line } from './hydrate.ts'

/** What a line is joined from, in bytes. */
interface LineParts {
  readonly activityId: string
  readonly post: Uint8Array
  readonly author: Uint8Array
  readonly repostedBy: Uint8Array | undefined
  readonly counts: Counts | undefined
}

const encoder = new TextEncoder()
const bytes = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text)
const OPEN = bytes('{"posts":[')
const COMMA = 44
const AUTHOR = bytes(',"author":')
const REPOSTED_BY = bytes(',"reposted_by":')

/** A line as JSON. The stored body is an object: its closing brace is left off and the rest goes on. */
export function lineBytes({ activityId, post, author, repostedBy, counts }: LineParts): Uint8Array<ArrayBuffer> {
  const counted = counts ? `{"likes":${counts.likes},"reposts":${counts.reposts}}` : 'null'
  const end = bytes(`,"counts":${counted},"activity_id":"${activityId}"}`)
  const body = post.subarray(0, post.length - 1)
  return repostedBy ? concat([body, AUTHOR, author, REPOSTED_BY, repostedBy, end]) : concat([body, AUTHOR, author, end])
}

/** A line as this reader is to have it. */
export function bodyOf({ json, overlay }: Line): Uint8Array<ArrayBuffer> {
  return overlay === undefined ? json : concat([json.subarray(0, json.length - 1), bytes(`${overlay}}`)])
}

/** Pages are cut from one piece of memory after the other (bytes): a buffer of its own for each costs half as much again as the answer. */
const PIECE_BYTES = 1024 * 1024
let piece = new Uint8Array(0)
let cut = 0

/** Bytes that nobody else has had or will have: what was handed out is never used again. */
function freshBytes(length: number): Uint8Array<ArrayBuffer> {
  if (length > PIECE_BYTES / 8) return new Uint8Array(length)
  if (cut + length > piece.length) {
    piece = new Uint8Array(PIECE_BYTES)
    cut = 0
  }
  cut += length
  return piece.subarray(cut - length, cut)
}

/** What a page says of itself, cursors as they go over the wire. */
export interface PageEnd {
  readonly next: string | null
  readonly gap: boolean
  readonly gapCursor: string | null
  readonly top: string | null
  readonly source: 'following' | 'popular' | 'author'
}

/** How a page ends. */
export const pageEnd = ({ next, gap, gapCursor, top, source }: PageEnd): Uint8Array<ArrayBuffer> =>
  bytes(`],${JSON.stringify({ next_cursor: next, gap, gap_cursor: gapCursor, top_cursor: top, source }).slice(1)}`)

/**
 * A page as JSON, joined from lines that are bytes already: a sixth of what serialising objects would cost. Whoever keeps it keeps a copy,
 * or the piece that it was cut from would live on.
 */
export function pageBody(lines: readonly Line[], end: Uint8Array): Uint8Array<ArrayBuffer> {
  let length = OPEN.length + end.length + Math.max(0, lines.length - 1)
  const bodies: Uint8Array[] = []
  for (const line of lines) {
    const body = bodyOf(line)
    length += body.length
    bodies.push(body)
  }
  const page = freshBytes(length)
  page.set(OPEN)
  let at = OPEN.length
  for (const body of bodies) {
    if (at > OPEN.length) page[at++] = COMMA
    page.set(body, at)
    at += body.length
  }
  page.set(end, at)
  return page
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
