import { isId } from '../contract/ids.ts'
import { explainDatabaseError, parseFlags, runCommand, UsageError } from './command-line.ts'
import { findTarget, type Target } from './doctor/target.ts'

const USAGE = `Says what would become of an author's post now, and why; or by which way a post reached a reader, or why not.

  npm run explain -- --author ID|HANDLE [--json]
  npm run explain -- --reader ID|HANDLE --post ID [--json]

  --author ID|HANDLE   asks an origin for this author's mode, lane, chunks, what a post costs in each mode, and what changes next
  --reader ID|HANDLE   who reads
  --post ID            the post, or a repost
  --origin-url URL     the origin; default: that of the running "npm start", else the variable ORIGIN_URL
  --url URL            the worker, whose memory is looked at; default: that of the running "npm start", else the variable EDGE_URL
  --origin-env FILE    NAME=value lines: a deployment's variables instead of the running stack
  --worker-env FILE    the same for the worker's secrets, where they are in a file of their own
  --database-url URL   another database than those say
  --state-dir DIR      where "npm start" keeps its state (.tideline)
  --json               the answer as JSON
  --help               this text

While no stack runs it reads DATABASE_URL, ORIGIN_URL, EDGE_URL, EDGE_SECRET, UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN and KEY_PREFIX. For an author it
asks the origin alone; for a reader Postgres, and what L2 and the edge hold, where they can be seen.

Exit code 0 for an author, and for a post that reaches the reader; 1 when it does not, or has not yet; 2 when it could not be asked.
`
const word = { type: 'string' } as const
const flag = { type: 'boolean' } as const

async function main(args: string[]): Promise<void> {
  const values = parseFlags(args, {
    ...{ author: word, reader: word, post: word, url: word, 'origin-url': word, 'origin-env': word, 'worker-env': word },
    ...{ 'database-url': word, 'state-dir': word, json: flag, help: flag },
  })
  if (values.help) return void process.stdout.write(USAGE)
  const { author, reader, post } = values
  const print = (value: unknown, text: () => string) =>
    void process.stdout.write(values.json ? `${JSON.stringify(value, null, 2)}\n` : text())
  const options = {
    stateDir: values['state-dir'],
    url: values.url,
    originUrl: values['origin-url'],
    databaseUrl: values['database-url'],
    originEnv: values['origin-env'],
    workerEnv: values['worker-env'],
  }
  if (author !== undefined && reader === undefined && post === undefined) {
    const { askRoute, routeText } = await import('./explain/author.ts')
    const route = await askRoute(await findTarget(options), author)
    return print(route, () => routeText(route))
  }
  if (author !== undefined || reader === undefined || post === undefined)
    throw new UsageError('say what to explain: --author ID|HANDLE, or --reader ID|HANDLE and --post ID (--help shows more)')
  if (!isId(post)) throw new UsageError(`--post is the id of a post, 19 digits, not "${post}"`)
  const { way, ...passage } = await passageIn(await findTarget(options), reader, post)
  const { passageText } = await import('./explain/passage.ts')
  print({ way: way ?? null, ...passage }, () => passageText({ way, ...passage }))
  process.exitCode = way === undefined || way === 'coming' ? 1 : 0
}

async function passageIn(target: Target, reader: string, post: string) {
  const [{ connect }, { sightsOf }, { explainPassage }] = await Promise.all([
    import('../origin/db/client.ts'),
    import('./doctor/examine.ts'),
    import('./explain/passage.ts'),
  ])
  const { db, close } = connect(target.databaseUrl.href, {
    maxConnections: 2,
    statementTimeoutMs: 60_000,
    applicationName: 'tideline-explain',
  })
  try {
    return await explainPassage(db, await sightsOf(target), reader, post)
  } catch (error) {
    throw explainDatabaseError(error, target.databaseUrl)
  } finally {
    await close()
  }
}

await runCommand(main)
