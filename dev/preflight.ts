import { parseFlags, runCommand, UsageError } from './command-line.ts'
import type { Verdict } from './preflight/check.ts'
import { readDeployment } from './preflight/deployment.ts'
import { preflight } from './preflight/preflight.ts'
import { DEFAULT_STATE_DIR, readState } from './state.ts'

const USAGE = `Checks the configuration of a deployment, a line for each check, and says what to do. Writes two keys to Redis and removes them.

  npm run preflight [-- --origin-env FILE] [--worker-env FILE] [--only origin|worker] [--json]

  --origin-env FILE        NAME=value lines: the origin's variables and the worker's secrets; else the environment
  --worker-env FILE        the same for the worker alone, where it has other values
  --wrangler FILE          the worker's vars are read from it (wrangler.toml)
  --wrangler-env NAME      an environment of that file
  --only origin|worker     one side alone: in the origin's container there is no wrangler
  --json                   the verdicts as JSON
  --help                   this text

Exit code 0 when nothing failed (warnings may be left), 2 otherwise.
`

async function main(args: string[]): Promise<void> {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const values = parseFlags(args, {
    'origin-env': text,
    'worker-env': text,
    wrangler: text,
    'wrangler-env': text,
    only: text,
    json: flag,
    help: flag,
  })
  if (values.help) return void process.stdout.write(USAGE)
  const deployment = await readDeployment({
    only: parseSide(values.only),
    environment: process.env,
    originFile: values['origin-env'],
    workerFile: values['worker-env'],
    wranglerFile: values.wrangler ?? 'wrangler.toml',
    wranglerEnv: values['wrangler-env'],
  })
  const local = await readState(DEFAULT_STATE_DIR)
  const verdicts = await preflight(deployment, local ? [local.jwtSecret, local.edgeSecret, local.signingSecret] : [])
  process.stdout.write(values.json ? `${JSON.stringify({ verdicts }, undefined, 2)}\n` : tableOf(verdicts))
  if (verdicts.some(({ level }) => level === 'FAIL')) process.exitCode = 2
}

function parseSide(side: string | undefined): 'origin' | 'worker' | undefined {
  if (side === undefined || side === 'origin' || side === 'worker') return side
  throw new UsageError(`--only is origin or worker, not "${side}"`)
}

function tableOf(verdicts: readonly Verdict[]): string {
  const width = Math.max(...verdicts.map(({ check }) => check.length))
  const lines = verdicts.map((verdict) => {
    const todo = verdict.level === 'ok' ? '' : `. ${verdict.todo}`
    return `${verdict.level.padEnd(4)}  ${verdict.check.padEnd(width)}  ${verdict.says}${todo}\n`
  })
  const count = (level: Verdict['level']) => verdicts.filter((verdict) => verdict.level === level).length
  return `${lines.join('')}\n${count('ok')} ok, ${count('warn')} to look at, ${count('FAIL')} failed\n`
}

await runCommand(main)
