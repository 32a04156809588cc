import { connect, type Socket } from 'node:net'
import * as z from 'zod'

/**
 * A process of its own that sends GETs over kept connections and counts what it is answered. It is told by messages what to send, one
 * batch after the other. Raw sockets: a client of HTTP would cost more than the server it measures.
 */
const batchSchema = z.object({
  port: z.int(),
  /** Each a path and, where it needs one, a token. */
  asks: z.array(z.object({ path: z.string(), token: z.string().optional() })).min(1),
  connections: z.int().positive(),
  /** Each ask once, or all of them over and over for so long (milliseconds). */
  forMs: z.number().optional(),
})
export type Batch = z.infer<typeof batchSchema>

export interface Sent {
  readonly answers: number
  /** Bytes of the last body. */
  readonly bytes: number
  /** Parts of all answers by layer, from `Cache-Status`. */
  readonly memory: number
  readonly shared: number
  readonly origin: number
}

const END_OF_HEAD = Buffer.from('\r\n\r\n')

function send({ port, asks, connections, forMs }: Batch): Promise<Sent> {
  const requests = asks.map(({ path, token }) => {
    const authorization = token === undefined ? '' : `authorization: Bearer ${token}\r\n`
    return `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: application/json\r\n${authorization}\r\n`
  })
  const endsAtMs = performance.now() + (forMs ?? 0)
  const sums = { answers: 0, bytes: 0, memory: 0, shared: 0, origin: 0 }
  let next = 0
  const nextRequest = (): string | undefined => {
    const more = forMs === undefined ? next < requests.length : performance.now() < endsAtMs
    return more ? requests[next++ % requests.length] : undefined
  }
  function read(head: string, bytes: number): void {
    if (!head.startsWith('HTTP/1.1 200')) throw new Error(`answered ${head.split('\r\n')[0]}`)
    const [, memory = 0, shared = 0, origin = 0] = /memory=(\d+) shared=(\d+) origin=(\d+)/.exec(head) ?? []
    sums.answers++
    sums.bytes = bytes
    sums.memory += Number(memory)
    sums.shared += Number(shared)
    sums.origin += Number(origin)
  }
  function converse(socket: Socket, done: () => void): void {
    let pending = Buffer.alloc(0)
    const ask = (): void => {
      const request = nextRequest()
      if (request === undefined) {
        socket.destroy()
        done()
      } else socket.write(request)
    }
    socket.on('connect', ask).on('data', (chunk) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
      const endOfHead = pending.indexOf(END_OF_HEAD)
      if (endOfHead === -1) return
      const head = pending.toString('latin1', 0, endOfHead)
      const bytes = Number(/content-length: (\d+)/i.exec(head)?.[1])
      if (pending.length < endOfHead + END_OF_HEAD.length + bytes) return
      pending = Buffer.alloc(0)
      read(head, bytes)
      ask()
    })
  }
  return new Promise((resolve, reject) => {
    let open = connections
    const done = () => --open === 0 && resolve(sums)
    for (let i = 0; i < connections; i++) converse(connect({ port, host: '127.0.0.1', noDelay: true }).on('error', reject), done)
  })
}

process.on('message', async (message) => {
  process.send?.(await send(batchSchema.parse(message)))
})
process.once('disconnect', () => process.exit())
