import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { type ImportCounts, importFollows } from '../origin/db/import.ts'
import { openMint, RENEW_EVERY_MS } from '../origin/ids/mint.ts'
import { readEdges } from './edges.ts'

const USAGE = `Loads a follow graph into the database: all of it or, where a line is malformed, nothing.

  npm run import -- --edges FILE [--database-url URL] [--crowd-floor N]

  --edges FILE         lines of "follower followee": SNAP's edge list (# comments; tabs or blanks) or CSV
                       (commas; quotes and a header allowed); gzip is recognised
  --database-url URL   default: the database of the running "npm start", else the variable DATABASE_URL
  --crowd-floor N      authors with N followers or more may join the crowd at once; default: the variable
                       TIDELINE_CROWD_FLOOR, else 250000
  --help               this text
`
const DEV_STACK = fileURLToPath(new URL('../.tideline/dev.json', import.meta.url))
const UNREACHABLE = /^(ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|CONNECT_TIMEOUT|CONNECTION_)/
const LOST = 'the connection to the database was lost'

/** What the caller did wrong, in one line. */
class UsageError extends Error {}

interface Order {
  readonly file: string
  /** 0 where it is not known, as for a pipe. */
  readonly fileBytes: number
  readonly databaseUrl: URL
  readonly crowdFloor: number
}

async function main(): Promise<void> {
  const order = await parseOrder(process.argv.slice(2))
  if (!order) {
    process.stdout.write(USAGE)
    return
  }
  const startedAtMs = performance.now()
  const counts = await load(order).catch((error) => {
    throw explained(error, order)
  })
  process.stdout.write(summaryOf(order.file, counts, (performance.now() - startedAtMs) / 1000))
}

/** The parsed command line; undefined when help was asked for. */
async function parseOrder(args: string[]): Promise<Order | undefined> {
  const options = {
    edges: { type: 'string' },
    'database-url': { type: 'string' },
    'crowd-floor': { type: 'string' },
    help: { type: 'boolean' },
  } as const
  const { values } = (() => {
    try {
      return parseArgs({ args, options })
    } catch (error) {
      throw new UsageError(`${messageOf(error).split('. ')[0]} (--help shows what there is)`)
    }
  })()
  if (values.help) return undefined
  if (!values.edges) throw new UsageError('say which file to load: --edges FILE (--help shows more)')
  const crowdFloor = values['crowd-floor'] ?? process.env.TIDELINE_CROWD_FLOOR ?? '250000'
  if (!/^[1-9]\d{0,8}$/.test(crowdFloor))
    throw new UsageError(`the crowd floor must be a whole number of followers above 0, not "${crowdFloor}"`)
  const fileBytes = await sizeOf(values.edges)
  const databaseUrl = URL.parse(values['database-url'] ?? (await defaultDatabaseUrl()))
  if (databaseUrl?.protocol !== 'postgres:' && databaseUrl?.protocol !== 'postgresql:') {
    throw new UsageError('the database url must look like postgres://user:password@host:5432/database')
  }
  return { file: values.edges, fileBytes, databaseUrl, crowdFloor: Number(crowdFloor) }
}

async function sizeOf(file: string): Promise<number> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(error.code === 'ENOENT' ? `there is no file ${file}` : `cannot read ${file}: ${error.message}`)
  })
  if (found.isDirectory()) throw new UsageError(`${file} is a directory`)
  if (found.isFile() && found.size === 0) throw new UsageError(`${file} is empty`)
  return found.size
}

async function defaultDatabaseUrl(): Promise<string> {
  const text = await readFile(DEV_STACK, 'utf8').catch(() => undefined)
  if (text === undefined) {
    const url = process.env.DATABASE_URL
    if (url) return url
    throw new UsageError('which database? Run npm start first, set DATABASE_URL or give --database-url')
  }
  try {
    return z.object({ databaseUrl: z.string() }).parse(JSON.parse(text)).databaseUrl
  } catch {
    throw new UsageError('.tideline/dev.json cannot be understood: run npm start again or give --database-url')
  }
}

async function load(order: Order): Promise<ImportCounts> {
  const { connect } = await import('../origin/db/client.ts') // drizzle takes half a second, which a typing error need not wait for
  const { machineStore } = await import('../origin/db/machines.ts')
  const url = order.databaseUrl.href
  const { db, close } = connect(url, { maxConnections: 1, statementTimeoutMs: 10_000, applicationName: 'tideline-import-ids' })
  const progress = showProgress(order.fileBytes)
  try {
    const mint = await openMint(machineStore(db), { nowMs: () => Date.now(), monotonicMs: () => performance.now() }, randomUUID())
    const renewal = setInterval(() => mint.renew().catch(() => {}), RENEW_EVERY_MS) // a lease that runs out is told by mint()
    try {
      const bytes = counted(createReadStream(order.file), progress.noteBytes)
      return await importFollows(url, {
        edges: readEdges(bytes, order.file),
        mint: () => mint.mint(),
        crowdFloor: order.crowdFloor,
        onStep: progress.noteStep,
      })
    } finally {
      clearInterval(renewal)
      await mint.close().catch(() => {}) // otherwise the lease runs out by itself
    }
  } finally {
    progress.end()
    await close()
  }
}

async function* counted(bytes: AsyncIterable<Uint8Array>, note: (count: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    note(chunk.length)
    yield chunk
  }
}

/** A line that is drawn over on a terminal; elsewhere a line every two seconds. */
function showProgress(fileBytes: number) {
  const { stderr } = process
  let step = 'connecting'
  let stepAtMs = performance.now()
  let readBytes = 0
  const text = () => {
    const seconds = `${((performance.now() - stepAtMs) / 1000).toFixed(0)} s`
    if (step !== 'reading' || fileBytes === 0) return `${step} ${seconds}`
    const share = Math.min(1, readBytes / fileBytes)
    const filled = Math.round(share * 30)
    return `${step} [${'#'.repeat(filled)}${'.'.repeat(30 - filled)}] ${Math.floor(share * 100)} %`
  }
  const draw = () => stderr.write(stderr.isTTY ? `\r\u001b[K${text()}` : `${text()}\n`)
  const timer = setInterval(draw, stderr.isTTY ? 100 : 2_000)
  return {
    noteBytes: (count: number) => {
      readBytes += count
    },
    noteStep: (next: string) => {
      step = next
      stepAtMs = performance.now()
    },
    end: () => {
      clearInterval(timer)
      if (stderr.isTTY) stderr.write('\r\u001b[K')
    },
  }
}

function summaryOf(file: string, counts: ImportCounts, seconds: number): string {
  const number = (value: number) => value.toLocaleString('en-US')
  return `${file} is loaded, in ${seconds.toFixed(1)} s
  users    ${number(counts.usersNew)} new, ${number(counts.usersKnown)} known
  follows  ${number(counts.followsNew)} new, ${number(counts.followsKnown)} known
  dropped  ${number(counts.selfLoops)} self-loops, ${number(counts.repeats)} repeats
`
}

/** What went wrong while loading, without the query and the password. */
function explained(error: unknown, order: Order): unknown {
  const root = rootOf(error)
  const code = root instanceof Error && 'code' in root ? String(root.code) : ''
  const place = `${order.databaseUrl.host}${order.databaseUrl.pathname}`
  if (code.startsWith('57P') || code === 'CONNECTION_CLOSED') return new UsageError(LOST)
  if (UNREACHABLE.test(code)) return new UsageError(`cannot reach the database ${place}: ${code}`)
  if (/^(28|3D)/.test(code)) return new UsageError(`the database ${place} refuses us: ${messageOf(root)}`)
  if (code === '42P01' || code === '42703')
    return new UsageError(`the database ${place} lacks our tables (${messageOf(root)}): npm run migrate`)
  return root
}

const rootOf = (error: unknown): unknown => (error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error)
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const complain = (error: unknown) => process.stderr.write(`${messageOf(error).split('\n')[0]}\n`)
// postgres.js 3.4.9 throws where nobody can catch it when a connection ends within a transaction (porsager/postgres#1208).
process.once('uncaughtException', (error) => {
  complain(error.stack?.includes('/postgres/src/connection.js') ? LOST : error)
  process.exit(2)
})
try {
  await main()
} catch (error) {
  complain(error)
  process.exitCode = 2
}
