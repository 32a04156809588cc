import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type ImportCounts, importFollows } from '../origin/db/import.ts'
import { openMint, RENEW_EVERY_MS } from '../origin/ids/mint.ts'
import { explainDatabaseError, UsageError } from './command-line.ts'
import { EdgeFileError, readEdges } from './edges.ts'

/** What is said where the server goes away meanwhile. */
export const LOST = 'the connection to the database was lost'

/** A follow graph and where it goes. */
export interface GraphFile {
  readonly file: string
  /** 0 where it is not known, as for a pipe. */
  readonly fileBytes: number
  readonly databaseUrl: URL
  readonly crowdFloor: number
}

/** Bytes of an edge list, 0 where it is a pipe. Says what is wrong with a file that cannot be one. */
export async function sizeOfGraph(file: string): Promise<number> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(error.code === 'ENOENT' ? `there is no file ${file}` : `cannot read ${file}: ${error.message}`)
  })
  if (found.isDirectory()) throw new UsageError(`${file} is a directory`)
  if (found.isFile() && found.size === 0) throw new UsageError(`${file} is empty`)
  return found.size
}

/** Loads a follow graph into a database, with its progress on stderr. What the caller can help is a `UsageError` of one line. */
export async function loadGraph(graph: GraphFile): Promise<ImportCounts> {
  return load(graph).catch((error: unknown) => {
    if (error instanceof EdgeFileError) throw new UsageError(error.message, { cause: error })
    if (isLost(error)) throw new UsageError(LOST, { cause: error })
    throw explainDatabaseError(error, graph.databaseUrl)
  })
}

async function load(order: GraphFile): Promise<ImportCounts> {
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

/** The server went away, or ended our connection (SQLSTATE class 57P), wherever drizzle wrapped it. */
function isLost(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && (cause.code === 'CONNECTION_CLOSED' || String(cause.code).startsWith('57P'))) return true
  }
  return false
}
