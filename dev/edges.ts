import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { handleSchema } from '../contract/post.ts'

/** Who follows whom, by handle. */
export type Edge = readonly [follower: string, followee: string]

/** Why a file is refused, with its name and line, in one line for the terminal. */
export class EdgeFileError extends Error {
  override readonly name = 'EdgeFileError'
}

/** Two handles need 131 bytes; a comment may be longer. What is longer still is no edge list. */
export const MAX_LINE_BYTES = 65_536

const NEWLINE = 10
const EMPTY = new Uint8Array()

/**
 * Reads a follow graph: SNAP's edge list (two labels between tabs or blanks) or CSV (commas, quotes, maybe a header), whichever the
 * first line that is neither empty nor a `#` comment is; gzip or not. Batches are as big as the chunks that come in; nothing
 * else is held. Self-loops and repeats are passed on. Throws `EdgeFileError` at the first malformed line, or where there is no edge.
 */
export async function* readEdges(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Edge[]> {
  const parser = createParser(name)
  let found = false
  let begun: Uint8Array = EMPTY // a line whose end has not come yet
  const parsed = (block: Uint8Array) => {
    const edges = parser.parse(block)
    found ||= edges.length > 0
    return edges
  }
  for await (const chunk of inflate(bytes, name)) {
    const end = chunk.lastIndexOf(NEWLINE) + 1
    if (end > 0) {
      yield parsed(joined(begun, chunk.subarray(0, end)))
      begun = EMPTY
    }
    begun = joined(begun, chunk.subarray(end))
    parser.refuseLong(begun.length)
  }
  if (begun.length > 0) yield parsed(begun)
  if (!found) throw new EdgeFileError(`${name}: there are no edges in it`)
}

function createParser(name: string) {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let line = 0
  let split: ((text: string) => readonly string[] | undefined) | undefined // decided by the first edge or header

  const refuse = (what: string, at = line): never => {
    throw new EdgeFileError(`${name}:${at}: ${what}`)
  }
  const refuseLong = (length: number, at = line + 1): void => {
    if (length > MAX_LINE_BYTES) refuse(`the line is longer than ${MAX_LINE_BYTES} bytes`, at)
  }
  const parseLine = (raw: string): Edge | undefined => {
    const text = (line === 1 ? raw.replace(/^\uFEFF/, '') : raw).replace(/^[ \t]+|[ \t\r]+$/g, '')
    if (text === '' || text.startsWith('#')) return undefined
    const isFirst = split === undefined
    split ??= text.includes(',') ? splitCsv : splitBlanks
    const fields = split(text) ?? refuse('a quote does not end where its field does')
    const [follower, followee] = fields
    if (follower === undefined || followee === undefined || fields.length > 2) {
      return refuse(`expected two labels, got ${fields.length} field${fields.length === 1 ? '' : 's'}`)
    }
    if (isFirst && isHeader(follower, followee)) return undefined
    for (const label of [follower, followee]) {
      const problem = handleSchema.safeParse(label).error?.issues[0]?.message
      if (problem) refuse(`${JSON.stringify(label.slice(0, 80))} is not a label: ${problem}`)
    }
    return [follower, followee]
  }
  const isHeader = (first: string, second: string): boolean => {
    if (FOLLOWEE_NAMES.has(plainName(first)) && FOLLOWER_NAMES.has(plainName(second)))
      refuse('the follower must come first, then the followee')
    return FOLLOWER_NAMES.has(plainName(first)) && FOLLOWEE_NAMES.has(plainName(second))
  }
  /** The lines of whole-line bytes as text. Line by line only where some are not UTF-8, so that the first bad line is the one named. */
  function* texts(block: Uint8Array): Generator<string> {
    const all = decoded(decoder, block)
    if (all !== undefined) {
      yield* all.split('\n')
      return
    }
    for (let start = 0; start < block.length; ) {
      const newline = block.indexOf(NEWLINE, start)
      const end = newline < 0 ? block.length : newline
      refuseLong(end - start)
      yield decoded(decoder, block.subarray(start, end)) ?? refuse('not valid UTF-8', line + 1)
      start = end + 1
    }
  }
  return {
    refuseLong,
    /** The edges of whole lines; the last may lack its newline. */
    parse(block: Uint8Array): Edge[] {
      const edges: Edge[] = []
      const whole = block.at(-1) === NEWLINE ? block.subarray(0, -1) : block
      for (const text of texts(whole)) {
        line += 1
        if (text.length * 3 > MAX_LINE_BYTES) refuseLong(Buffer.byteLength(text), line)
        const edge = parseLine(text)
        if (edge) edges.push(edge)
      }
      return edges
    },
  }
}

const splitBlanks = (text: string): readonly string[] => text.split(/[ \t]+/)

/** The fields of a line of CSV (RFC 4180, but a field never holds a newline); undefined where quotes are not paired. */
function splitCsv(text: string): readonly string[] | undefined {
  if (!text.includes('"')) return text.split(/[ \t]*,[ \t]*/)
  const field = /(?:[ \t]*"((?:[^"]|"")*)"[ \t]*|([^",]*))(,|$)/y
  const fields: string[] = []
  for (;;) {
    const match = field.exec(text)
    if (!match) return undefined
    fields.push(match[1]?.replaceAll('""', '"') ?? (match[2] ?? '').replace(/^[ \t]+|[ \t]+$/g, ''))
    if (match[3] === '') return fields
  }
}

const FOLLOWER_NAMES = new Set(['follower', 'source', 'src', 'from'])
const FOLLOWEE_NAMES = new Set(['followee', 'followed', 'target', 'dst', 'to'])
/** `FromNodeId` and `from_id` are `from`. */
const plainName = (field: string): string => field.toLowerCase().replace(/[ _-]?(node)?[ _-]?id$/, '')

/** gzip is known by its first two bytes: names lie. */
async function* inflate(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const source = bytes[Symbol.asyncIterator]()
  let head: Uint8Array = EMPTY
  for (let next = await source.next(); !next.done; next = await source.next()) {
    head = joined(head, next.value)
    if (head.length >= 2) break
  }
  const whole = prefixed(head, source)
  if (head[0] !== 0x1f || head[1] !== 0x8b) return yield* whole
  const gunzip = createGunzip({ chunkSize: 65_536 })
  pipeline(Readable.from(whole), gunzip, () => {}) // an error of either destroys gunzip, where it is thrown to us
  try {
    yield* gunzip
  } catch (error) {
    const isDamage = error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')
    throw isDamage ? new EdgeFileError(`${name}: the gzip data is damaged: ${error.message}`) : error
  }
}

async function* prefixed(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield head
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

const joined = (first: Uint8Array, second: Uint8Array): Uint8Array =>
  first.length === 0 ? second : second.length === 0 ? first : Buffer.concat([first, second])

function decoded(decoder: TextDecoder, bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}
