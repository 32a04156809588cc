import { setTimeout as sleep } from 'node:timers/promises'
import { type Config, schema } from '../origin/config.ts'
import type { Database } from '../origin/db/client.ts'
import type { InForceNote } from '../origin/db/settings.ts'
import { contradictionsIn, type InForce, isTunable, parseThreshold, TUNABLE, type Tunable, thresholdsOf } from '../origin/thresholds.ts'
import { explainDatabaseError, parseDatabaseUrl, parseFlags, runCommand, UsageError } from './command-line.ts'
import { findDatabase } from './running-stack.ts'
import { table } from './table.ts'

const USAGE = `Shows the thresholds of the origin, and changes them while it runs: every process goes by them within a second, and after a restart.

  npm run tune [-- --set NAME=VALUE] [--reset NAME] [--json]

  --set NAME=VALUE     stands instead of the environment variable of that name; may be given several times
  --reset NAME         what the environment says counts again; may be given several times
  --database-url URL   default: the variable DATABASE_URL, else the database of the running "npm start"
  --json               the result as JSON
  --help               this text

Names: ${TUNABLE.join(', ').replace(/(.{80,120}), /g, '$1,\n       ')}.
What each means and its unit: origin/config.ts.
`
/** How long a change may take to be in force where origins run (milliseconds): two steps of the tiers, and a margin. */
const TAKEN_MS = 3_000
const POLL_MS = 100

async function main(args: string[]): Promise<void> {
  const word = { type: 'string' } as const
  const words = { type: 'string', multiple: true } as const
  const flag = { type: 'boolean' } as const
  const values = parseFlags(args, { set: words, reset: words, 'database-url': word, json: flag, help: flag })
  if (values.help) return void process.stdout.write(USAGE)
  const sets = new Map((values.set ?? []).map(parseSet))
  const resets = new Set((values.reset ?? []).map(parseName))
  const both = [...resets].find((name) => sets.has(name))
  if (both) throw new UsageError(`${both} cannot be both set and reset`)
  const url = parseDatabaseUrl(values['database-url'] ?? process.env.DATABASE_URL ?? (await findDatabase()).url)
  const { connect } = await import('../origin/db/client.ts') // drizzle takes half a second, which a typing error need not wait for
  const { db, close } = connect(url.href, { maxConnections: 1, statementTimeoutMs: 10_000, applicationName: 'tideline-tune' })
  try {
    const inForce = await change(db, sets, resets)
    const changed = sets.size + resets.size > 0
    const note = await taken(db, inForce, changed ? TAKEN_MS : 0)
    if (values.json)
      process.stdout.write(`${JSON.stringify({ ...inForce, crowdThreshold: note?.crowdThreshold, why: note?.why }, null, 2)}\n`)
    else process.stdout.write(textOf(inForce, note, url))
  } catch (error) {
    throw explainDatabaseError(error, url)
  } finally {
    await close()
  }
}

function parseSet(text: string): readonly [Tunable, string] {
  const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? []
  if (name === '') throw new UsageError(`--set wants NAME=VALUE, not "${text}"`)
  const known = parseName(name)
  const parsed = parseThreshold(known, value)
  if (typeof parsed === 'string') throw new UsageError(`${known} cannot be "${value}": ${parsed}`)
  return [known, value]
}

function parseName(name: string): Tunable {
  if (isTunable(name)) return name
  throw new UsageError(`no threshold has the name "${name}" (npm run tune lists them)`)
}

/** Writes what is asked for unless the whole would contradict itself. Answers what is then in force. */
async function change(db: Database, sets: ReadonlyMap<Tunable, string>, resets: ReadonlySet<Tunable>): Promise<InForce> {
  const { putSetting, readInForce, readSettings, removeSetting } = await import('../origin/db/settings.ts')
  return db.transaction(async (tx) => {
    for (const [name, value] of sets) await putSetting(tx, name, value)
    for (const name of resets) await removeSetting(tx, name)
    const inForce = thresholdsOf(configuredIn(await readInForce(tx)), await readSettings(tx))
    const contradiction = sets.size + resets.size > 0 ? contradictionsIn(inForce.thresholds)[0] : undefined
    if (contradiction) throw new UsageError(`nothing is changed: ${contradiction}`)
    return inForce
  })
}

/** What the origins were configured with: as they noted it; before any ran, what our environment says. */
function configuredIn(note: InForceNote | undefined): Pick<Config, Tunable> {
  const of = (name: Tunable) => (note ? note.settings[name]?.configured : schema.shape[name].safeParse(process.env[name]).data) ?? undefined
  return tunable.parse(Object.fromEntries(TUNABLE.map((name) => [name, of(name)])))
}
const tunable = schema.pick(Object.fromEntries(TUNABLE.map((name) => [name, true])) as Record<Tunable, true>)

/** What the origins go by, once it is this; undefined when none does in time. */
async function taken(db: Database, { thresholds }: InForce, waitMs: number): Promise<InForceNote | undefined> {
  const { readInForce } = await import('../origin/db/settings.ts')
  for (const endsAtMs = performance.now() + waitMs; ; await sleep(POLL_MS)) {
    const note = await readInForce(db)
    if (note && TUNABLE.every((name) => note.settings[name]?.value === thresholds[name])) return note
    if (performance.now() >= endsAtMs) return undefined
  }
}

function textOf({ settings, refused }: InForce, note: InForceNote | undefined, { host, pathname }: URL): string {
  const rows = TUNABLE.map((name) => {
    const { value, from, configured } = settings[name]
    return [
      name,
      value.toLocaleString('en'),
      from === 'tuned' ? `tuned${configured === null ? '' : `, else ${configured.toLocaleString('en')}`}` : from,
    ]
  })
  const ignored = Object.entries(refused).map(([name, why]) => `ignored: ${name}: ${why}\n`)
  const crowd = note
    ? `authors of ${note.crowdThreshold.toLocaleString('en')} followers are pulled: ${note.why}`
    : 'no origin process that fans out has taken this up yet'
  return `thresholds in the database ${host}${pathname}\n\n${table([['name', 'value', 'from'], ...rows], 'from')}\n\n${ignored.join('')}${crowd}\n`
}

await runCommand(main)
