import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'

/** What the caller did wrong or has to install, in one line; the command ends with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Runs a command: an error becomes one line, and exit code 2 where the caller can help it, 1 where not. */
export async function runCommand(main: (args: string[]) => Promise<void>): Promise<void> {
  try {
    await main(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${lineOf(error)}\n`)
    process.exitCode = error instanceof UsageError ? 2 : 1
  }
}

/** The flags of a command line, strictly: neither unknown ones nor other words. */
export function parseFlags<const O extends ParseArgsOptionsConfig>(args: string[], options: O) {
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new UsageError(`${lineOf(error).split('. ')[0]} (--help shows what there is)`, { cause: error })
  }
}

/** A whole number of at least `least`, or what the caller did wrong. */
export function parseCount(name: string, text: string, least = 1, most = Number.MAX_SAFE_INTEGER): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`
  throw new UsageError(`${name} is a whole number ${range}, not "${text}"`)
}

export function parseDatabaseUrl(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol === 'postgres:' || url?.protocol === 'postgresql:') {
    try {
      decodeURIComponent(url.username + url.password)
      return url
    } catch {
      throw new UsageError('a % in the user or password of a database url is written %25')
    }
  }
  throw new UsageError('a database url looks like postgres://user:password@host:5432/database')
}

const UNREACHABLE = /^(ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|CONNECT_TIMEOUT|CONNECTION_)/

/** What went wrong with a database, without the query and the password: a `UsageError` where the url or the server is to blame. */
export function explainDatabaseError(error: unknown, url: URL): unknown {
  const root = rootOf(error)
  const code = root instanceof Error && 'code' in root ? String(root.code) : ''
  const place = `${url.host}${url.pathname}`
  if (UNREACHABLE.test(code)) return new UsageError(`cannot reach the database ${place}: ${code}`, { cause: error })
  if (/^(28|3D|42501)/.test(code)) return new UsageError(`the database ${place} refuses us: ${lineOf(root)}`, { cause: error })
  if (code === '42P01' || code === '42703') {
    return new UsageError(`the database ${place} lacks our tables (${lineOf(root)}): npm run migrate`, { cause: error })
  }
  return root
}

/** The innermost error: drizzle wraps what the driver says. */
const rootOf = (error: unknown): unknown => (error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error)

export const lineOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
