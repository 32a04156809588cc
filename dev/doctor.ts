import { explainDatabaseError, parseCount, parseFlags, runCommand, UsageError } from './command-line.ts'
import { findTarget } from './doctor/target.ts'

const USAGE = `Compares what readers see with Postgres, and says in words where the two part.

  npm run doctor -- --reader ID|HANDLE [--page-size N] [--pages N] [--posts N] [--json]
  npm run doctor -- --key KEY [--json]
  npm run doctor -- --monitor [--minutes N] [--json]

  --reader ID|HANDLE   reads this reader's whole feed through the worker, page by page, and explains each difference
  --page-size N        posts per page, 1 to 100 (50)
  --pages N            no more pages than this; nothing below is compared
  --posts N            no more posts than this
  --key KEY            compares one key of L2 and of an isolate's memory with Postgres, for instance po:ID:public
  --monitor            what the consistency monitor found in the last minutes
  --minutes N          how many of them, 1 to 1440 (10)
  --url URL            the worker; default: that of the running "npm start", else the variable EDGE_URL
  --origin-env FILE    NAME=value lines: a deployment's variables instead of the running stack
  --worker-env FILE    the same for the worker's secrets, where they are in a file of their own
  --database-url URL   another database than those say
  --state-dir DIR      where "npm start" keeps its state (.tideline)
  --json               the result as JSON
  --help               this text

While no stack runs it reads DATABASE_URL, JWT_SECRET, EDGE_URL, EDGE_SECRET, UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN and KEY_PREFIX. The first
three it needs to read a feed; what the others would show is said to be unseen without them.

Exit code 0 when nothing is beyond the promised 5 s, 1 when something is, 2 when it could not be asked.
`
const word = { type: 'string' } as const
const flag = { type: 'boolean' } as const
/** A progress line comes this often on a long scroll (milliseconds). */
const PROGRESS_MS = 1_000
const MAX_MINUTES = 1_440

async function main(args: string[]): Promise<void> {
  const values = parseFlags(args, {
    ...{ reader: word, 'page-size': word, pages: word, posts: word, key: word, monitor: flag, minutes: word },
    ...{ url: word, 'origin-env': word, 'worker-env': word, 'database-url': word, 'state-dir': word, json: flag, help: flag },
  })
  if (values.help) return void process.stdout.write(USAGE)
  const asked = [values.reader, values.key, values.monitor].filter((one) => one !== undefined)
  if (asked.length !== 1) throw new UsageError('say what to look at: --reader ID|HANDLE, --key KEY or --monitor (--help shows more)')
  const most = (name: 'pages' | 'posts') => (values[name] === undefined ? Number.POSITIVE_INFINITY : parseCount(`--${name}`, values[name]))
  const limits = {
    pageSize: parseCount('--page-size', values['page-size'] ?? '50', 1, 100),
    maxPages: most('pages'),
    maxPosts: most('posts'),
  }
  const minutes = parseCount('--minutes', values.minutes ?? '10', 1, MAX_MINUTES)
  const target = await findTarget({
    stateDir: values['state-dir'],
    url: values.url,
    databaseUrl: values['database-url'],
    originEnv: values['origin-env'],
    workerEnv: values['worker-env'],
  })
  const { connect } = await import('../origin/db/client.ts') // drizzle takes half a second, which a typing error need not wait for
  const options = { maxConnections: 4, statementTimeoutMs: 60_000, applicationName: 'tideline-doctor' }
  const { db, close } = connect(target.databaseUrl.href, options)
  const print = (value: unknown, text: () => string) =>
    void process.stdout.write(values.json ? `${JSON.stringify(value, asPlain, 2)}\n` : text())
  try {
    if (values.reader !== undefined) {
      const { examine } = await import('./doctor/examine.ts')
      const { isAmiss, reportOf } = await import('./doctor/report.ts')
      const examination = await examine(db, target, { reader: values.reader, ...limits, onPage: createProgress() })
      print({ ...examination, amiss: isAmiss(examination) }, () => reportOf(examination))
      process.exitCode = isAmiss(examination) ? 1 : 0
    } else if (values.key !== undefined) {
      const [{ sightsOf }, { examineKey, isWrong, keyText }] = await Promise.all([import('./doctor/examine.ts'), import('./doctor/key.ts')])
      const findings = await examineKey(db, await sightsOf(target), values.key)
      print({ key: values.key, findings }, () => keyText(values.key ?? '', findings))
      process.exitCode = isWrong(findings) ? 1 : 0
    } else {
      const { readConsistency } = await import('../origin/db/consistency.ts')
      const { minutesText } = await import('./doctor/minutes.ts')
      const rows = await readConsistency(db, minutes)
      print({ minutes: rows }, () => minutesText(rows, minutes))
      process.exitCode = rows.some(({ beyond, wrong }) => beyond + wrong > 0) ? 1 : 0
    }
  } catch (error) {
    throw explainDatabaseError(error, target.databaseUrl)
  } finally {
    await close()
  }
}

/** Maps are objects in JSON. */
const asPlain = (_: string, value: unknown): unknown => (value instanceof Map ? Object.fromEntries(value) : value)

/** Tells on standard error how far a long scroll has come. */
function createProgress(): (pages: number, posts: number) => void {
  let toldAtMs = performance.now()
  return (pages, posts) => {
    if (performance.now() - toldAtMs < PROGRESS_MS) return
    toldAtMs = performance.now()
    process.stderr.write(`${pages} pages, ${posts.toLocaleString('en')} posts\n`)
  }
}

await runCommand(main)
