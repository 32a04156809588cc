import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type ImportCounts, importFollows } from '../origin/db/import.ts'
import { openMint, RENEW_EVERY_MS } from '../origin/ids/mint.ts'
import { explainDatabaseError, lineOf, parseCount, parseDatabaseUrl, parseFlags, runCommand, UsageError } from './command-line.ts'
import { EdgeFileError, readEdges } from './edges.ts'
import { findDatabase } from './running-stack.ts'

const USAGE = `Loads a follow graph into the database: all of it or, where a line is malformed, nothing.

  npm run import -- --edges FILE [--database-url URL] [--crowd-floor N]

  --edges FILE         lines of "follower followee": SNAP's edge list (# comments; tabs or blanks) or CSV
                       (commas; quotes and a header allowed); gzip is recognised
  --database-url URL   default: the database of the running "npm start", else the variable DATABASE_URL
  --crowd-floor N      authors with N followers or more may join the crowd at once; default: that of the
                       running "npm start", else the variable CROWD_FLOOR, else 250000
  --help               this text
`
const LOST = 'the connection to the database was lost'

interface Order {
  readonly file: string
  /** 0 where it is not known, as for a pipe. */
  readonly fileBytes: number
  readonly databaseUrl: URL
  readonly crowdFloor: number
}

async function main(args: string[]): Promise<void> {
  const order = await parseOrder(args)
  if (!order) return void process.stdout.write(USAGE)
  const startedAtMs = performance.now()
  const counts = await load(order).catch((error: unknown) => {
    if (error instanceof EdgeFileError) throw new UsageError(error.message, { cause: error })
    if (isLost(error)) throw new UsageError(LOST, { cause: error })
    throw explainDatabaseError(error, order.databaseUrl)
  })
  process.stdout.write(summaryOf(order.file, counts, (performance.now() - startedAtMs) / 1000))
}

/** The parsed command line; undefined when help was asked for. */
async function parseOrder(args: string[]): Promise<Order | undefined> {
  const text = { type: 'string' } as const
  const values = parseFlags(args, { edges: text, 'database-url': text, 'crowd-floor': text, help: { type: 'boolean' } })
  if (values.help) return undefined
  if (!values.edges) throw new UsageError('say which file to load: --edges FILE (--help shows more)')
  const file = values.edges
  const fileBytes = await sizeOf(file)
  const given = values['database-url']
  const found = given === undefined ? await findDatabase() : { url: given, crowdFloor: undefined }
  const floor = values['crowd-floor'] ?? String(found.crowdFloor ?? process.env.CROWD_FLOOR ?? 250_000)
  const crowdFloor = parseCount('--crowd-floor', floor, 1, 2_147_483_647)
  return { file, fileBytes, databaseUrl: parseDatabaseUrl(found.url), crowdFloor }
}

async function sizeOf(file: string): Promise<number> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(error.code === 'ENOENT' ? `there is no file ${file}` : `cannot read ${file}: ${error.message}`)
  })
  if (found.isDirectory()) throw new UsageError(`${file} is a directory`)
  if (found.isFile() && found.size === 0) throw new UsageError(`${file} is empty`)
  return found.size
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

/** The server went away, or ended our connection (SQLSTATE class 57P), wherever drizzle wrapped it. */
function isLost(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && (cause.code === 'CONNECTION_CLOSED' || String(cause.code).startsWith('57P'))) return true
  }
  return false
}

// postgres.js 3.4.9 throws where nobody can catch it when a connection ends within a transaction (porsager/postgres#1208).
process.once('uncaughtException', (error) => {
  process.stderr.write(`${error.stack?.includes('/postgres/src/connection.js') ? LOST : lineOf(error)}\n`)
  process.exit(2)
})

await runCommand(main)
