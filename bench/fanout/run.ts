import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { lineOf, runCommand } from '../../dev/command-line.ts'
import type { Say } from '../../dev/progress.ts'
import { machineOf } from '../cache/machine.ts'
import type { Figures, Results } from '../cache/scenario.ts'
import { figure, sectionOf, verdictsOf } from '../cache/tables.ts'
import { documentOf } from './document.ts'
import { parseBenchOptions, USAGE } from './options.ts'
import { rowsOf } from './rows.ts'
import type { Scenario } from './scenario.ts'
import { SCENARIOS } from './scenarios.ts'
import { createWorld, type World } from './world.ts'

const RESULTS = fileURLToPath(new URL('../results', import.meta.url))

async function main(args: string[]): Promise<void> {
  const options = parseBenchOptions(args)
  if (!options) return void process.stdout.write(USAGE)
  const startedAtMs = performance.now()
  const say: Say = (text) => void process.stderr.write(`${((performance.now() - startedAtMs) / 1_000).toFixed(1).padStart(6)} s  ${text}\n`)
  const scenarios = SCENARIOS.filter(({ name }) => options.only?.includes(name) ?? true)
  const world = await createWorld(options.quick, say)
  try {
    const measured: { readonly scenario: Scenario; readonly results: Results }[] = []
    for (const scenario of scenarios) {
      measured.push({ scenario, results: await measure(scenario, world, Math.min(options.rounds, scenario.mostRounds ?? options.rounds)) })
    }
    const machine = await machineOf(await world.store.redis.version())
    const text = documentOf(
      measured.map(({ scenario, results }) => sectionOf(scenario, results)),
      machine,
      options.quick,
    )
    const json = `${JSON.stringify({
      machine,
      quick: options.quick,
      scenarios: measured.map(({ scenario, results }) => ({ ...results, bars: verdictsOf(scenario, results) })),
    })}\n`
    process.stdout.write(`\n${text}`)
    if (options.json !== undefined) await writeFile(options.json, json)
    if (options.only || options.quick) return
    await mkdir(RESULTS, { recursive: true })
    await writeFile(`${RESULTS}/fanout.json`, json)
    await writeFile(`${RESULTS}/fanout.md`, text)
  } finally {
    await world.stop()
  }
}

/** All rounds of a scenario. One that fails is told, and the others go on. */
async function measure(scenario: Scenario, world: World, rounds: number): Promise<Results> {
  const { name } = scenario
  const found: Readonly<Record<string, Figures>>[] = []
  const failures: string[] = []
  const failed = (error: unknown): void => {
    const root = error instanceof Error && error.cause !== undefined ? error.cause : error // drizzle wraps what the driver says
    failures.push(lineOf(root))
    world.say(`${name}: failed: ${lineOf(error)}: ${root instanceof Error ? root.stack : root}`)
  }
  try {
    const opened = await scenario.open(world)
    try {
      for (let round = 0; round < rounds; round++) {
        try {
          const figures = await opened.round(round)
          found.push(figures)
          for (const [title, one] of Object.entries(figures))
            world.say(`${name}, round ${round + 1} of ${rounds}: ${title}: ${briefOf(one)}`)
        } catch (error) {
          failed(error)
        }
      }
    } finally {
      await opened.close?.()
    }
  } catch (error) {
    failed(error)
  }
  return { name, rows: rowsOf(found, failures), notes: {} }
}

const briefOf = (figures: Figures): string =>
  Object.entries(figures)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? figure(value) : value}`)
    .join(', ')

// Whoever is told to end takes along what it started: the servers and their folders go with the process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130))
await runCommand(main)
