import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ErrorReply } from 'redis'
import { type Command, createRedisCommander, nameOf, RedisUnreachable, type Reply } from './redis-commander.ts'
import { onlyReads, withReplicaLag } from './replica-lag.ts'

export type FacadeOptions = {
  readonly redisUrl: string
  readonly token: string
  readonly readOnlyToken?: string
  /** Added to every request, before it reaches Redis. */
  readonly latencyMs?: number
  readonly replicaLagMs?: number
  /** 10 MB, Upstash's own limit, unless told otherwise. */
  readonly maxRequestBytes?: number
}

/** What goes wrong with a request, after `delayMs` if given. Its commands reach Redis only where there is no more than a delay, or a `rewrite`. */
export type Fault = {
  readonly delayMs?: number
  readonly hang?: boolean
  /** An HTTP error; 500 if only `error` is given. */
  readonly status?: number
  readonly error?: string
  /** A TCP reset instead of an answer. */
  readonly reset?: boolean
  /** A body that is not JSON, with 200 unless a status is given. */
  readonly garbage?: boolean
  /** The commands run, and this is sent in place of the true body; undefined resets the connection instead, in the middle of the body. */
  readonly rewrite?: (body: string) => string | undefined
}
export type FaultRule = (request: { readonly commands: readonly string[][] }) => Fault | undefined

/** Counts since the start or the last `reset`: HTTP requests of any kind, and the commands of those that were well-formed. */
export type FacadeStats = { requests: number; commands: number; byCommand: Record<string, number>; reset(): void }

export type UpstashFacade = {
  /** Port 0 takes a free one. Redis need not be up: requests get a 500 until it is. */
  listen(port?: number, host?: string): Promise<{ readonly url: string; readonly port: number }>
  /** Ends every connection at once, answered or not. A closed façade stays closed. */
  close(): Promise<void>
  setReplicaLagMs(ms: number): void
  setFault(fault: FaultRule | undefined): void
  readonly stats: FacadeStats
}

type Call = { readonly kind: 'single' | 'pipeline' | 'transaction'; readonly commands: readonly Command[] }

/** An answer other than 200. */
class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Commands that would change or block the one connection all callers share. */
const UNAVAILABLE = new Set(
  `MULTI EXEC DISCARD WATCH UNWATCH SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR SELECT AUTH HELLO CLIENT
  QUIT RESET SYNC PSYNC REPLCONF SHUTDOWN WAIT WAITAOF BLPOP BRPOP BRPOPLPUSH BLMOVE BLMPOP BZPOPMIN BZPOPMAX BZMPOP`.split(/\s+/),
)

/** Speaks Upstash's REST dialect over a real Redis. Left out: Server-Sent Events (subscribe, monitor) and RESP2 answers. */
export function createUpstashFacade(options: FacadeOptions): UpstashFacade {
  const { latencyMs = 0, maxRequestBytes = 10 * 1024 * 1024 } = options
  const redis = createRedisCommander(options.redisUrl)
  const replica = withReplicaLag(redis, options.replicaLagMs ?? 0)
  const closing = new AbortController()
  let faultOf: FaultRule | undefined
  const stats: FacadeStats = {
    requests: 0,
    commands: 0,
    byCommand: {},
    reset: () => void Object.assign(stats, { requests: 0, commands: 0, byCommand: {} }),
  }
  const count = (commands: readonly Command[]): void => {
    stats.commands += commands.length
    for (const name of commands.map(nameOf)) stats.byCommand[name] = (stats.byCommand[name] ?? 0) + 1
  }

  /** Whether the caller may only read. */
  const authenticate = (request: IncomingMessage, url: URL): boolean => {
    const token = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? url.searchParams.get('_token')
    if (!token) throw new Refusal(401, 'Unauthorized')
    if (token === options.token) return false
    if (token === options.readOnlyToken) return true
    throw new Refusal(401, 'WRONGPASS invalid or missing auth token')
  }

  const runEach = async (commands: readonly Command[], readOnly: boolean, seenWrites: number): Promise<Reply[]> => {
    const refusals = commands.map((command) => refusalOf(command, readOnly))
    const admitted = commands.filter((_, index) => !refusals[index])
    const replies = (await replica.run(admitted, seenWrites)).values()
    return refusals.map((refusal) => refusal ?? replies.next().value ?? null)
  }

  const perform = async ({ kind, commands }: Call, readOnly: boolean, seenWrites: number, base64: boolean): Promise<unknown> => {
    if (kind === 'transaction') {
      const refusal = commands.map((command) => refusalOf(command, readOnly)).find(Boolean)
      const replies = refusal ?? (await replica.transact(commands))
      if (replies instanceof ErrorReply) throw new Refusal(400, replies.message)
      return replies.map((reply) => encodeAnswer(reply, base64))
    }
    const replies = await runEach(commands, readOnly, seenWrites)
    if (kind === 'pipeline') return replies.map((reply) => encodeAnswer(reply, base64))
    const [reply = null] = replies
    if (reply instanceof ErrorReply) throw new Refusal(400, reply.message)
    return encodeAnswer(reply, base64)
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(`http://facade${request.url}`)
    const readOnly = authenticate(request, url)
    if (!['GET', 'HEAD', 'POST', 'PUT'].includes(request.method ?? '')) throw new Refusal(405, 'ERR method not allowed')
    const call = parseCall(url, await readBody(request, maxRequestBytes))
    count(call.commands)

    const fault = faultOf?.({ commands: call.commands.map((command) => command.map(String)) })
    const delayMs = latencyMs + (fault?.delayMs ?? 0)
    if (delayMs > 0) await sleep(delayMs, undefined, { signal: closing.signal })
    if (fault?.hang) return
    if (fault?.reset) return void request.socket.resetAndDestroy()
    if (fault?.garbage)
      return void response.writeHead(fault.status ?? 200, { 'content-type': 'text/html' }).end('<html>not what you asked for')
    if (fault?.status !== undefined || fault?.error !== undefined) {
      throw new Refusal(fault.status ?? 500, fault.error ?? 'ERR injected fault')
    }
    const seenWrites = Number(/^local=(\d+)$/.exec(String(request.headers['upstash-sync-token']))?.[1] ?? 0)
    const body = await perform(call, readOnly, seenWrites, request.headers['upstash-encoding'] === 'base64')
    if (fault?.rewrite) return lie(response, JSON.stringify(body), fault.rewrite)
    respond(response, 200, body, call.commands.every(onlyReads) ? seenWrites : replica.writes)
  }

  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    stats.requests += 1
    answer(request, response).catch((error: unknown) => {
      if (error instanceof Refusal) return respond(response, error.status, { error: error.message })
      respond(response, 500, { error: error instanceof RedisUnreachable ? error.message : `ERR ${String(error)}` })
    })
  })

  return {
    stats,
    listen: async (port = 0, host = '127.0.0.1') => {
      await redis.connect()
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
      const address = server.address() as AddressInfo
      return { url: `http://${host}:${address.port}`, port: address.port }
    },
    close: async () => {
      closing.abort()
      redis.close()
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
    setReplicaLagMs: (ms) => replica.setLagMs(ms),
    setFault: (fault) => {
      faultOf = fault
    },
  }
}

function respond(response: ServerResponse, status: number, body: unknown, seenWrites = 0): void {
  if (response.destroyed || response.headersSent) return
  const text = JSON.stringify(body)
  response.setHeader('content-type', 'application/json').setHeader('content-length', Buffer.byteLength(text))
  response.setHeader('upstash-sync-token', `local=${seenWrites}`).writeHead(status).end(text)
}

function lie(response: ServerResponse, body: string, rewrite: NonNullable<Fault['rewrite']>): void {
  const lied = rewrite(body)
  response.setHeader('content-type', 'application/json')
  if (lied !== undefined) return void response.end(lied)
  response
    .setHeader('content-length', Buffer.byteLength(body))
    .write(body.slice(0, body.length / 2), () => response.socket?.resetAndDestroy())
}

function refusalOf(command: Command, readOnly: boolean): ErrorReply | undefined {
  const name = nameOf(command)
  if (UNAVAILABLE.has(name)) {
    return new ErrorReply(
      `ERR Command is not available: '${name}'. See https://upstash.com/docs/redis/overall/rediscompatibility for details`,
    )
  }
  if (readOnly && !onlyReads(command)) {
    return new ErrorReply(`NOPERM this user has no permissions to run the '${name.toLowerCase()}' command or its subcommand`)
  }
  return undefined
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= maxBytes) chunks.push(chunk) // read on to the end in any case: the message tells the size
  }
  if (bytes > maxBytes) throw new Refusal(400, `ERR max request size exceeded. Limit: ${maxBytes} bytes, Actual: ${bytes} bytes`)
  return Buffer.concat(chunks)
}

/** Three forms: a JSON array to `/`, an array of such arrays to `/pipeline` or `/multi-exec`, or the command as a path. */
function parseCall(url: URL, body: Buffer): Call {
  const segments = decodePath(url.pathname)
  const [route] = segments
  if (route === undefined) return { kind: 'single', commands: [toCommand(parseJson(body))] }
  if (segments.length === 1 && (route === 'pipeline' || route === 'multi-exec')) {
    const rows = parseJson(body)
    if (!Array.isArray(rows)) throw new Refusal(400, `ERR failed to parse ${route} request`)
    if (rows.length === 0) throw new Refusal(400, `ERR empty ${route} request`)
    return { kind: route === 'pipeline' ? 'pipeline' : 'transaction', commands: rows.map(toCommand) }
  }
  const options = [...url.searchParams].filter(([name]) => name !== '_token').flatMap(([name, value]) => (value ? [name, value] : [name]))
  return { kind: 'single', commands: [[...segments, ...(body.length > 0 ? [body] : []), ...options]] }
}

function decodePath(pathname: string): string[] {
  try {
    return pathname.split('/').filter(Boolean).map(decodeURIComponent)
  } catch {
    throw new Refusal(400, 'ERR failed to parse path')
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

/** Strings are taken as they are; numbers, booleans, objects and null as their JSON text. */
function toCommand(row: unknown): Command {
  if (!Array.isArray(row) || row.length === 0) throw new Refusal(400, 'ERR failed to parse command')
  return row.map((argument: unknown) => (typeof argument === 'string' ? argument : JSON.stringify(argument)))
}

function encodeAnswer(reply: Reply, base64: boolean): { result: unknown } | { error: string } {
  return reply instanceof ErrorReply ? { error: reply.message } : { result: encodeReply(reply, base64) }
}

function encodeReply(reply: Reply, base64: boolean): unknown {
  if (reply === null || typeof reply === 'number') return reply
  if (Array.isArray(reply)) return reply.map((item) => encodeReply(item, base64))
  if (reply === 'OK') return reply // the status only: a stored OK is a Buffer and is encoded, or the client would decode it in an MGET
  const bytes = Buffer.isBuffer(reply) ? reply : Buffer.from(reply instanceof ErrorReply ? reply.message : reply)
  return bytes.toString(base64 ? 'base64' : 'utf8')
}
