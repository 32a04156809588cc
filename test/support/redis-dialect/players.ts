import { connect } from 'node:net'
import type { CommandTable } from '../../../dev/redis-stand-in/command.ts'
import { createEngine } from '../../../dev/redis-stand-in/engine.ts'
import type { Bytes } from '../../../dev/redis-stand-in/reply.ts'
import { openSession } from '../../../dev/redis-stand-in/session.ts'
import { parseSettings } from '../../../dev/redis-stand-in/settings.ts'
import { CLOSING, encodeRequest, OPENING, type Step } from './step.ts'

/** Plays a sequence from an empty keyspace on; answers every byte the server said, and last what it holds. */
export type Player = (steps: readonly Step[]) => Promise<Bytes>

const END = 'the end of what was said'
const isGone = (reply: Bytes): boolean => reply === ':0\r\n'

/** How a server is talked to: bytes there, bytes back. */
interface Wire {
  say(requests: Bytes): Promise<Bytes>
  /** Returns when a key with a millisecond to live may be gone. */
  wait(): Promise<void>
}

function createPlayer({ say, wait }: Wire): Player {
  return async (steps) => {
    let heard = ''
    let pending = ''
    for (const step of [...OPENING, ...steps, ...CLOSING]) {
      if ('words' in step) {
        pending += encodeRequest(step.words)
        continue
      }
      // Out of a transaction, or its end would be queued.
      heard += await say(pending + encodeRequest(['DISCARD']) + encodeRequest(['PEXPIRE', step.ends, '1']))
      pending = ''
      do await wait()
      while (!isGone(await say(encodeRequest(['EXISTS', step.ends]))))
    }
    return heard + (await say(pending))
  }
}

/** The stand-in's engine without its process; `commands` replaces some of its own. */
export async function standInPlayer(commands: CommandTable = {}): Promise<Player> {
  let aheadMs = 0
  const server = { settings: parseSettings([]), save() {}, shutdown() {} }
  const engine = await createEngine({ clock: { nowMs: () => Date.now() + aheadMs }, server, commands })
  const session = openSession(engine)
  return createPlayer({
    say: async (requests) => session.receive(Buffer.from(requests, 'latin1')).toString('latin1'),
    wait: async () => {
      aheadMs += 1
    },
  })
}

/** A server on the loopback. A sequence and its parts end outside of MULTI, or the mark of their end would be queued. */
export function serverPlayer(port: number): { readonly play: Player; close(): void } {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  const sentinel = `$${END.length}\r\n${END}\r\n`
  const say = (requests: Bytes): Promise<Bytes> =>
    new Promise((resolve, reject) => {
      let heard = ''
      const onData = (chunk: Buffer) => {
        heard += chunk.toString('latin1')
        if (!heard.endsWith(sentinel)) return
        socket.off('data', onData).off('close', onClose)
        resolve(heard.slice(0, -sentinel.length))
      }
      const onClose = () => reject(new Error(`the server hung up after ${JSON.stringify(heard)}`))
      socket.on('data', onData).once('close', onClose)
      socket.write(Buffer.from(requests + encodeRequest(['ECHO', END]), 'latin1'))
    })
  return { play: createPlayer({ say, wait: async () => {} }), close: () => socket.destroy() }
}
