import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { runCommand } from '../dev/command-line.ts'
import { chooseRedis } from '../dev/redis-server.ts'

/**
 * Runs the tests with vitest and closes with one line that a CI can read: `N passed, N failed`, counted over tests.
 *
 * `node test/run.ts [fast|long|stand-in] [arguments for vitest]`: `fast` are the tests that need nothing, `long` adds `*.long.test.ts`,
 * `stand-in` uses the stand-in for Redis.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const VITEST = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
/** The tests start some two hundred Node processes of the same few programs: what the first compiled the others take from here. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'tideline-compiled')

const reportSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  testResults: z.array(z.object({ name: z.string(), status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) })),
})
interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What talks to Redis most, for a run in a CI whose other tests use a real one. */
const ON_STAND_IN = ['test/conformance', 'test/real/protocol', 'test/real/start', 'test/chaos/recovery']

const USAGE = `Runs the tests; the last line is "N passed, N failed".

  npm test [-- FILE … or arguments for vitest]   all of them: starts Postgres, Redis and workerd itself
  npm run test:fast                              those that need nothing
  npm run test:long                              all, and the long forms (*.long.test.ts)
  npm run test:stand-in [-- FILE …]              what talks to Redis most, on the stand-in for it

TIDELINE_REDIS=real|stand-in says which Redis the tests use; without it, redis-server or valkey-server on the PATH, else the stand-in.
TIDELINE_GRAPH=FILE names SNAP's soc-Slashdot0902.txt.gz; without it a generated graph of that shape is used.
SEED=N repeats the run of a seed that was printed; HISTORIES=N lives through so many random histories.
`

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(USAGE)
    return 0
  }
  const [first, ...others] = args
  const which = first === 'fast' || first === 'long' || first === 'stand-in' ? first : undefined
  if (which === 'stand-in') process.env.TIDELINE_REDIS = 'stand-in'
  const asked = which ? others : args
  const rest = which === 'stand-in' && asked.length === 0 ? ON_STAND_IN : asked
  if (which !== 'fast') process.stdout.write(`Redis: ${(await chooseRedis()).name}\n`)
  const folder = await mkdtemp(join(tmpdir(), 'tideline-tests-'))
  try {
    const report = join(folder, 'report.json')
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    const project = which === 'fast' ? ['--project', 'fast'] : []
    const code = await runVitest([...reporters, ...project, ...rest], which === 'long')
    const counts = countsOf(await readFile(report, 'utf8').catch(() => undefined))
    const nothingRan = counts.passed + counts.failed === 0
    if (nothingRan) process.stderr.write('no test ran\n')
    else if (code !== 0 && counts.failed === 0) process.stderr.write(`vitest ended with ${code} although no test failed: see above\n`)
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
    process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`)
    return nothingRan ? code || 1 : code
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Ctrl-C reaches vitest as well as us; we only wait for it to clean up. */
async function runVitest(args: readonly string[], long: boolean): Promise<number> {
  const child = spawn(process.execPath, [VITEST, 'run', ...args], {
    cwd: ROOT,
    env: { NODE_COMPILE_CACHE: COMPILED, ...process.env, TIDELINE_LONG_TESTS: long ? '1' : '' },
    stdio: 'inherit',
  })
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  const [code] = await once(child, 'exit')
  return typeof code === 'number' ? code : 1
}

/** A file that failed outside of its tests, for instance at an import or in a hook, counts as one that failed. */
function countsOf(json: string | undefined): Counts {
  if (json === undefined) return { passed: 0, failed: 0, skipped: 0 }
  const report = reportSchema.parse(JSON.parse(json))
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((result) => result.status === 'failed'),
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

await runCommand(async (args) => {
  process.exitCode = await main(args)
})
