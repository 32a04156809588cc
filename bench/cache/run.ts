import { setTimeout as sleep } from 'node:timers/promises'
import { lineOf } from '../../dev/command-line.ts'
import type { Say } from '../../dev/progress.ts'
import { type Case, titleOf } from './contender.ts'
import { type Job, runInPlaces } from './places.ts'
import type { Figures, Results, Row, Scenario } from './scenario.ts'
import { spreadOf } from './statistics.ts'
import { newNamespace, startStore, type World } from './world.ts'

/**
 * Places of a machine. Work of the light scenarios is mostly waiting: this many processes together keep two cores half idle.
 * A scenario that measures speed has all of them.
 */
const PLACES = 16

interface Measured {
  readonly figures: Figures[]
  readonly failures: string[]
  readonly notes: number[][]
}

export interface Report {
  readonly redisVersion: string
  readonly results: readonly Results[]
}

/**
 * Measures every case of every scenario in every run, the cases of a scenario one after the other in each run, so that whatever the
 * machine does meanwhile befalls all alike. A case that fails is told, and its other runs go on.
 */
export async function runAll(scenarios: readonly Scenario[], runs: number, say: Say): Promise<Report> {
  const measured = new Map(scenarios.map((scenario) => [scenario, new Map(scenario.cases.map((one) => [one, emptyMeasured()]))]))
  const store = await startStore()
  const redisVersion = await store.redis.version()
  try {
    for (let run = 1; run <= runs; run++) {
      const isDue = ({ mostRuns = runs }: { readonly mostRuns?: number }): boolean => run <= mostRuns
      const jobs = scenarios.filter(isDue).flatMap((scenario) => scenario.cases.filter(isDue).map((one) => jobOf(scenario, one, run)))
      const [alone, together] = [jobs.filter(({ weight }) => weight >= PLACES), jobs.filter(({ weight }) => weight < PLACES)]
      await runInPlaces([...alone, ...together], PLACES)
      say(`run ${run} of ${runs} is done`)
    }
  } finally {
    await store.stop()
  }

  function jobOf(scenario: Scenario, one: Case, run: number): Job {
    return {
      weight: scenario.weight === 'all' ? PLACES : scenario.weight,
      async run() {
        const { figures, failures, notes } = measured.get(scenario)?.get(one) ?? emptyMeasured()
        const world: World = { store, ownStore: startStore, newNamespace, note: (data) => void notes.push([...data]) }
        const title = `run ${run}  ${scenario.name}: ${titleOf(one)}`
        try {
          const found = await Promise.race([scenario.measure(one, world), tooLate(scenario.deadlineMs)])
          figures.push(found)
          say(`${title}  ${briefOf(found)}`)
        } catch (error) {
          failures.push(lineOf(error))
          say(`${title}  failed: ${lineOf(error)}`)
        }
      },
    }
  }
  return { redisVersion, results: scenarios.map((scenario) => resultsOf(scenario, measured.get(scenario) ?? new Map())) }
}

const emptyMeasured = (): Measured => ({ figures: [], failures: [], notes: [] })

async function tooLate(deadlineMs: number): Promise<never> {
  await sleep(deadlineMs, undefined, { ref: false })
  throw new Error(`not done within ${deadlineMs / 1_000} s`)
}

function resultsOf(scenario: Scenario, measured: ReadonlyMap<Case, Measured>): Results {
  const rows = [...measured].map(([one, { figures, failures }]): Row => {
    const names = new Set(figures.flatMap(Object.keys))
    const of = (name: string) => {
      const values = figures.flatMap((run) => run[name] ?? [])
      const numbers = values.filter((value) => typeof value === 'number')
      return numbers.length > 0 ? spreadOf(numbers) : values.map(String)
    }
    return { title: titleOf(one), figures: Object.fromEntries([...names].map((name) => [name, of(name)])), failures }
  })
  const notes = Object.fromEntries([...measured].map(([one, { notes }]) => [titleOf(one), notes]))
  return { name: scenario.name, rows, notes }
}

const briefOf = (figures: Figures): string =>
  Object.entries(figures)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(3)) : value}`)
    .join(', ')
