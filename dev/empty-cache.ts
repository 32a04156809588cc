import { createL2 } from '../origin/adapters/l2.ts'
import { schema } from '../origin/config.ts'
import { lineOf, parseFlags, runCommand, UsageError } from './command-line.ts'

const USAGE = `Removes everything below our prefix from L2 but the heartbeats, leases first, never anybody else's keys. Readers then load from the origin.

  npm run empty-cache -- --yes

  --yes    really do it; without it the command says what it would empty
  --help   this text

Needed when Postgres was restored to an earlier point (docs/deploy.md): L2 would go on telling what is no longer true.
It reads UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN and KEY_PREFIX as the origin does.
`
const CALL_DEADLINE_MS = 10_000

async function main(args: string[]): Promise<void> {
  const flag = { type: 'boolean' } as const
  const values = parseFlags(args, { yes: flag, help: flag })
  if (values.help) return void process.stdout.write(USAGE)
  const parsed = schema.pick({ UPSTASH_REDIS_REST_URL: true, UPSTASH_REDIS_REST_TOKEN: true, KEY_PREFIX: true }).safeParse(process.env)
  if (!parsed.success) throw new UsageError(`set ${parsed.error.issues.map(({ path }) => path.join('.')).join(' and ')}, as for the origin`)
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token, KEY_PREFIX: prefix } = parsed.data
  const what = `the keys "${prefix}*" at ${new URL(url).host}`
  if (!values.yes) throw new UsageError(`this would empty ${what}; --yes does it`)
  const l2 = createL2({ url, token, prefix, deadlineMs: CALL_DEADLINE_MS, timeoutSignal: (ms) => AbortSignal.timeout(ms) })
  const startedAtMs = performance.now()
  await l2.empty('').catch((cause) => {
    throw new UsageError(`cannot empty ${what}: ${lineOf(cause)}`, { cause })
  })
  process.stdout.write(`emptied ${what} in ${((performance.now() - startedAtMs) / 1_000).toFixed(1)} s\n`)
}

await runCommand(main)
