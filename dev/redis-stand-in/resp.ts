import { type Bytes, CommandError, Pairs, type Reply, Status } from './reply.ts'

export type Protocol = 2 | 3

/** A reply as bytes of RESP2, or of the parts of RESP3 that our replies need: null and map. */
export function encodeReply(reply: Reply, protocol: Protocol): Bytes {
  if (typeof reply === 'string') return `$${reply.length}\r\n${reply}\r\n`
  if (typeof reply === 'number' || typeof reply === 'bigint') return `:${reply}\r\n`
  if (reply === null) return protocol === 3 ? '_\r\n' : '$-1\r\n'
  if (reply instanceof Status) return `+${reply.text.replace(/[\r\n]/g, ' ')}\r\n`
  if (reply instanceof CommandError) return `-${reply.message.replace(/[\r\n]/g, ' ')}\r\n`
  const items = reply instanceof Pairs ? reply.items : reply
  const head = reply instanceof Pairs && protocol === 3 ? `%${items.length / 2}` : `*${items.length}`
  return `${head}\r\n${items.map((item) => encodeReply(item, protocol)).join('')}`
}

/** The bytes are not a request; the connection cannot go on. */
export class ProtocolError extends Error {}

/** Cuts a stream of bytes into requests: arrays of bulk strings, as every client sends them. Inline commands are not taken. */
export function createRequestReader(): { read(chunk: Buffer): Bytes[][] } {
  let rest: Buffer = Buffer.alloc(0)

  return {
    read(chunk) {
      const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      const requests: Bytes[][] = []
      let at = 0
      /** The number after `mark` and where its line ends; undefined where more bytes are wanted. */
      const count = (from: number, mark: string): { value: number; next: number } | undefined => {
        if (from >= bytes.length) return undefined
        if (bytes[from] !== mark.charCodeAt(0))
          throw new ProtocolError(`expected '${mark}', got '${bytes.toString('latin1', from, from + 1)}'`)
        const end = bytes.indexOf('\r\n', from)
        if (end < 0) return undefined
        const text = bytes.toString('latin1', from + 1, end)
        if (mark === '*' && !/^-?\d{1,10}$/.test(text)) throw new ProtocolError('invalid multibulk length')
        if (mark === '$' && !/^\d{1,10}$/.test(text)) throw new ProtocolError('invalid bulk length')
        return { value: Number(text), next: end + 2 }
      }
      const request = (): { words: Bytes[]; next: number } | undefined => {
        const length = count(at, '*')
        if (!length) return undefined
        const words: Bytes[] = []
        let next = length.next
        for (let i = 0; i < length.value; i++) {
          const size = count(next, '$')
          if (!size || size.next + size.value + 2 > bytes.length) return undefined
          words.push(bytes.toString('latin1', size.next, size.next + size.value))
          next = size.next + size.value + 2
        }
        return { words, next }
      }
      for (let found = request(); found; found = request()) {
        if (found.words.length > 0) requests.push(found.words)
        at = found.next
      }
      rest = bytes.subarray(at)
      return requests
    },
  }
}
