import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A session at the server, and the client that has it for a transaction. */
interface Session {
  readonly socket: Socket
  client: Socket | undefined
}

const QUERY = 'Q'.charCodeAt(0)
const SYNC = 'S'.charCodeAt(0)
const READY = 'Z'.charCodeAt(0)
const IDLE = 'I'.charCodeAt(0)

/**
 * A pooler in transaction mode in front of a Postgres, like PgBouncer's: whoever begins a transaction gets the session that was left last.
 * Each client brings one session, which it shares from its first ReadyForQuery on.
 */
export async function startTransactionPooler(databaseUrl: string) {
  const target = new URL(databaseUrl)
  const idle: Session[] = []
  const sockets = new Set<Socket>()

  const server = createServer((client) => {
    let session: Session | undefined
    /** Queries and syncs that are not answered yet; the start counts as one. */
    let open = 1
    const keep = (socket: Socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    keep(client)

    const dial = () => {
      const dialled: Session = { socket: connect(Number(target.port), target.hostname), client }
      keep(dialled.socket)
      const answers = splitMessages()
      dialled.socket.on('data', (data: Buffer) => {
        for (const message of answers(data)) {
          dialled.client?.write(message)
          if (message[0] === READY) dialled.client?.emit('ready', message[5] === IDLE)
        }
      })
      return dialled
    }
    client.on('ready', (outside: boolean) => {
      open -= 1
      if (open > 0 || !outside || !session) return
      session.client = undefined
      idle.push(session)
      session = undefined
    })
    session = dial()
    let started = false
    const asked = splitMessages()
    client.on('data', (data: Buffer) => {
      if (!started) {
        started = true
        session?.socket.write(data)
        return
      }
      for (const message of asked(data)) {
        if (message[0] === QUERY || message[0] === SYNC) open += 1
        session ??= idle.pop()
        if (!session) return void client.destroy()
        session.client = client
        session.socket.write(message)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(databaseUrl)
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Cuts a stream of the protocol into messages: a type, then a length that counts itself. */
function splitMessages(): (data: Buffer) => Buffer[] {
  let rest = Buffer.alloc(0)
  return (data) => {
    rest = Buffer.concat([rest, data])
    const messages: Buffer[] = []
    while (rest.length >= 5) {
      const length = 1 + rest.readInt32BE(1)
      if (rest.length < length) break
      messages.push(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
    return messages
  }
}
