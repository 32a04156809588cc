import { randomInt } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { lineOf, parseDatabaseUrl, runCommand, UsageError } from './command-line.ts'
import { createProgress } from './progress.ts'
import { runningStack } from './running-stack.ts'
import { parseSimulateOptions, type SimulateOptions, USAGE } from './simulate/options.ts'
import { createProgressLine } from './simulate/progress-line.ts'
import type { Target } from './simulate/world.ts'
import { shown } from './state.ts'

/** A terminal sends Ctrl-C to us and to npm, which passes it on: only a later one means impatience (milliseconds). */
const IMPATIENT_AFTER_MS = 1_000

async function main(args: string[]): Promise<void> {
  const options = parseSimulateOptions(args, () => randomInt(2 ** 32))
  if (!options) return void process.stdout.write(USAGE)
  const target = await findTarget(options)
  await makeOut(options.out)
  const { say } = createProgress()
  const signal = endOnSignal(say)
  const { assertAnswers, holdGraph, openWorld } = await import('./simulate/world.ts') // drizzle takes half a second
  const { simulate } = await import('./simulate/simulation.ts')
  const { summaryText } = await import('./simulate/summary-text.ts')
  const { pictureOf } = await import('./simulate/picture.ts')
  await assertAnswers(target.workerUrl)
  say(`seed ${options.seed}`)
  if (options.edges) await holdGraph(target, options.edges, options.seed, say)
  const world = await openWorld(target)
  const progress = createProgressLine(options.minutes * 60_000)
  try {
    const graphName = options.edges ? basename(options.edges) : 'the graph of the running stack'
    const summary = await simulate(world, { ...options, graphName }, { signal, say: progress.around(say), onTick: progress.tick })
    const files = { json: join(options.out, 'summary.json'), svg: join(options.out, 'picture.svg') }
    await writeFile(files.json, `${JSON.stringify(summary, undefined, 2)}\n`)
    await writeFile(files.svg, pictureOf(summary))
    process.stdout.write(`${summaryText(summary)}  ${'written to'.padEnd(12)}${shown(files.json)}, ${shown(files.svg)}\n`)
    for (const failure of summary.failures) process.stderr.write(`${failure}\n`)
    if (summary.failures.length > 0) process.exitCode = 1
  } finally {
    progress.end()
    await world.close()
  }
}

async function findTarget({ stateDir, workerUrl }: SimulateOptions): Promise<Target> {
  const state = await runningStack(stateDir)
  if (!state) throw new UsageError('no stack runs: npm start first')
  const { jwtSecret, crowdFloor } = state
  return { workerUrl: workerUrl ?? state.workerUrl, databaseUrl: parseDatabaseUrl(state.databaseUrl), jwtSecret, crowdFloor }
}

async function makeOut(out: string): Promise<void> {
  await mkdir(out, { recursive: true }).catch((cause) => {
    throw new UsageError(`cannot write to ${out}: ${lineOf(cause)}`, { cause })
  })
}

/** The first signal ends the run with its summary, a second one ends everything. */
function endOnSignal(say: (line: string) => void): AbortSignal {
  const ending = new AbortController()
  let firstAtMs: number | undefined
  const onSignal = () => {
    if (firstAtMs !== undefined && performance.now() - firstAtMs > IMPATIENT_AFTER_MS) process.exit(130)
    if (firstAtMs === undefined) say('ending early; once more ends at once')
    firstAtMs ??= performance.now()
    ending.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal)
  return ending.signal
}

await runCommand(main)
