import type { Engine } from './engine.ts'
import { createRequestReader, encodeReply, ProtocolError } from './resp.ts'

/** One connection: bytes of requests in, bytes of replies out. */
export interface Session {
  receive(chunk: Buffer): Buffer
  /** Whether the connection is to be closed once what was answered is sent. */
  readonly leaving: boolean
}

export function openSession(engine: Engine): Session {
  const connection = engine.connect()
  const reader = createRequestReader()
  return {
    receive(chunk) {
      let out = ''
      try {
        for (const words of reader.read(chunk)) {
          const reply = engine.execute(words, connection) // before its protocol is asked for: HELLO changes it
          out += encodeReply(reply, connection.protocol)
          if (connection.leaving) break
        }
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        out += `-ERR Protocol error: ${error.message}\r\n`
        connection.leaving = true
      }
      return Buffer.from(out, 'latin1')
    },
    get leaving() {
      return connection.leaving
    },
  }
}
