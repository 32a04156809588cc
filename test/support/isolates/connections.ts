import { connect } from 'node:net'

export interface Errand {
  readonly path: string
  /** The client goes away after this (milliseconds), by a TCP reset: workerd does not feel a FIN. */
  readonly leavesAfterMs?: number
}

export type Outcome =
  | { readonly type: 'answered'; readonly status: number; readonly body: string }
  /** `hung`: no answer within the deadline. */
  | { readonly type: 'left' | 'hung' }
  | { readonly type: 'broken'; readonly error: string }

interface Options {
  readonly connections: number
  readonly deadlineMs: number
}

/**
 * Sends GETs over connections that are kept: they cost half of what `sendCrowd` needs, whose errands have a connection each. Who leaves
 * takes the connection along. Answers what became of each, in the same order.
 */
export async function sendOver(base: string, errands: readonly Errand[], { connections, deadlineMs }: Options): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const queue = errands.entries()
  const runErrands = async () => {
    let connection: Connection | undefined
    for (const [i, errand] of queue) {
      connection ??= openConnection(new URL(base), deadlineMs)
      const outcome = await connection.ask(errand)
      outcomes[i] = outcome
      if (outcome.type === 'answered') continue
      connection.close()
      connection = undefined
    }
    connection?.close()
  }
  await Promise.all(Array.from({ length: connections }, runErrands))
  return outcomes
}

interface Connection {
  ask(errand: Errand): Promise<Outcome>
  close(): void
}

function openConnection({ hostname, port }: URL, deadlineMs: number): Connection {
  let text = ''
  let end: (outcome: Outcome) => void = () => {}
  const socket = connect(Number(port), hostname)
  socket.setNoDelay()
  socket.setTimeout(deadlineMs, () => end({ type: 'hung' }))
  socket.on('error', (error) => end({ type: 'broken', error: error.message }))
  socket.on('close', () => end({ type: 'broken', error: 'the connection was closed' }))
  socket.on('data', (data) => {
    text += data.toString('latin1')
    const answer = parseAnswer(text)
    if (answer) end({ type: 'answered', ...answer })
  })
  return {
    async ask({ path, leavesAfterMs }) {
      const { promise, resolve } = Promise.withResolvers<Outcome>()
      text = ''
      end = resolve // only the first end counts
      socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
      const leaving = leavesAfterMs === undefined ? undefined : setTimeout(resolve, leavesAfterMs, { type: 'left' })
      const outcome = await promise
      clearTimeout(leaving)
      return outcome
    },
    close: () => void socket.resetAndDestroy(),
  }
}

/** A whole answer with a length, in ASCII; undefined while some of it is missing. */
function parseAnswer(text: string): { readonly status: number; readonly body: string } | undefined {
  const head = text.indexOf('\r\n\r\n')
  if (head < 0) return undefined
  const length = Number(/\ncontent-length: (\d+)/i.exec(text)?.[1])
  if (Number.isNaN(length)) throw new Error(`an answer without a length: ${text}`)
  const body = text.slice(head + 4)
  return body.length < length ? undefined : { status: Number(text.slice(9, 12)), body }
}
