import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { isStrayDriverError } from './db/stray-error.ts'
import type { OriginEvent } from './wiring.ts'

const USAGE = `Usage: node origin/index.ts [--fanout-only]

The origin of Tideline: the truth in Postgres, and fan-out. Configured by environment variables (origin/config.ts).
  --fanout-only   serve no requests, only fan out: any number of such processes share the work
  --help          show this`

/**
 * Milliseconds. A request must arrive soon, so that a client that trickles holds nothing for long. A connection may rest longer than proxies let theirs rest: who sends a
 * write on one that is just being closed does not know whether it arrived.
 */
const CONNECTIONS = { headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 65_000 }

/** Milliseconds the end may take once no more connections are taken: twice a statement. Container platforms kill after 30 s. */
const DRAIN_DEADLINE_MS = 20_000
const SWEEP_MS = 100

/** One line per event that an operator wants to see. */
function log(event: OriginEvent): void {
  if (event.type === 'load' || event.type === 'fanout-chunks') return
  const { type, ...rest } = event
  const told = Object.entries(rest).map(([key, value]) => `${key}=${value instanceof Error ? messageOf(value) : JSON.stringify(value)}`)
  console.error(`${new Date().toISOString()} ${type} ${told.join(' ')}`)
}

/** The innermost message: drizzle wraps what the driver says. */
function messageOf(error: Error): string {
  return error.cause instanceof Error ? messageOf(error.cause) : error.message
}

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) return console.log(USAGE)
  const unknown = args.find((arg) => arg !== '--fanout-only')
  if (unknown !== undefined) throw new Error(`unknown argument ${unknown}; see --help`)
  // All the rest takes a second to load, which help and a typing error need not wait for.
  const [{ serve }, { parseConfig }, { createOrigin }] = await Promise.all([
    import('@hono/node-server'),
    import('./config.ts'),
    import('./wiring.ts'),
  ])
  const config = parseConfig(process.env)
  const origin = await createOrigin(config, log)
  if (args.includes('--fanout-only')) {
    console.log('fan-out worker is running')
    return stopOnSignal(0, () => origin.close())
  }
  const server = serve({ fetch: origin.app.fetch, hostname: config.HOST, port: config.PORT, serverOptions: CONNECTIONS }, ({ port }) =>
    console.log(`origin listens on http://${config.HOST}:${port}`),
  )
  server.on('error', (error) => fail(error))
  stopOnSignal(config.SHUTDOWN_DELAY_MS, async () => {
    origin.retire()
    // Who asks from now on is told to come back on another connection, to another origin.
    server.prependListener('request', (_request: unknown, response: ServerResponse) => response.setHeader('connection', 'close'))
    await sleep(config.SHUTDOWN_DELAY_MS)
    const closed = new Promise((resolve) => server.close(resolve))
    // A connection whose last request was under way would else be kept for a next one.
    const sweep = setInterval(() => 'closeIdleConnections' in server && server.closeIdleConnections(), SWEEP_MS)
    await closed
    clearInterval(sweep)
    await origin.close()
  })
}

/** Stops once, and ends with 0; whatever hangs longer than the delay and the deadline is cut off. */
function stopOnSignal(delayMs: number, stop: () => Promise<void>): void {
  let stopping = false
  const once = () => {
    if (stopping) return
    stopping = true
    setTimeout(fail, delayMs + DRAIN_DEADLINE_MS, `what was under way did not end within ${DRAIN_DEADLINE_MS / 1_000} s`).unref()
    stop().then(() => process.exit(0), fail)
  }
  process.on('SIGTERM', once)
  process.on('SIGINT', once)
}

/** Anything else that nobody caught ends the process. */
process.on('uncaughtException', (error) => {
  if (!isStrayDriverError(error)) fail(error)
  console.error(`${new Date().toISOString()} connection-lost error=${error.message}`)
})

function fail(error: unknown): void {
  console.error(`origin: ${error instanceof Error ? messageOf(error) : String(error)}`)
  process.exit(2)
}

main(process.argv.slice(2)).catch(fail)
