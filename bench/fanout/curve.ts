import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { graphFile } from '../../test/support/graph.ts'
import { type Machine, machineOf } from '../cache/machine.ts'
import type { Figures } from '../cache/scenario.ts'
import { figure } from '../cache/tables.ts'
import { generatedGraph, graphIn } from './curve/graph.ts'
import { picturesOf } from './curve/picture.ts'
import { curveOf, documentOf } from './curve/report.ts'
import { type Measured, measureWays } from './curve/run.ts'
import { createSetting, emptyL2, readersOf, type Setting } from './curve/setting.ts'
import { databaseWorkOf, PARTS } from './curve/totals.ts'
import { walPrice } from './curve/wal-price.ts'
import { levelsOf, type Way, waysOf } from './curve/ways.ts'
import type { Scenario } from './scenario.ts'

const RESULTS = fileURLToPath(new URL('../results', import.meta.url))
const PICTURES = fileURLToPath(new URL('../../docs/pictures', import.meta.url))
const USERS = 500_000
const QUICK_USERS = 30_000
/** Rounds that a report is made of. */
const ROUNDS = 2

/** What a day of the same activity costs, by how posts are delivered (docs/decisions/0018-where-the-threshold-comes-from.md). */
export const curve: Scenario = {
  name: 'curve',
  title: 'The cost curve: the same day, pushed, pulled and in between',
  about: `A day of reads and posts, 50 reads for each post, on two graphs. bench/results/fanout-curve.md says what is run, what is counted and what is left out, and has the same at other ratios.`,
  columns: [
    { figure: 'work', title: 'database work', unit: ' s' },
    { figure: 'cpu', title: 'CPU', unit: ' s' },
    { figure: 'wal', title: 'WAL', unit: ' MB' },
    { figure: 'rows', title: 'rows' },
    { figure: 'loads', title: 'loads' },
    { figure: 'load99', title: 'load p99', unit: ' ms' },
    { figure: 'delivery99', title: 'delivery p99', unit: ' ms' },
  ],
  bars: [],
  mostRounds: ROUNDS,
  async open(world) {
    const price = await walPrice()
    world.say(`a byte of WAL costs a standby ${(price * 1e9).toFixed(1)} ns`)
    const folder = await mkdtemp(join(tmpdir(), 'tideline-curve-'))
    const file = await graphFile(folder, 1)
    const restore = await keepQuiet(world.postgres.adminUrl)
    const graphs = [await graphIn(file.path, file.name), generatedGraph(world.quick ? QUICK_USERS : USERS, 1)]
    await rm(folder, { recursive: true, force: true })
    const sides: Side[] = []
    for (const graph of graphs) sides.push({ setting: await createSetting(world, graph, levelsOf(graph)), ways: waysOf(graph), rounds: [] })
    return {
      async round(round) {
        const figures: Record<string, Figures> = {}
        for (const { setting, ways, rounds } of sides) {
          const measured = await measureWays(setting, ways, round, ({ way, parts }) => {
            const each = PARTS.map((part) => `${part} ${figure(parts[part].each.cpuS * 1e6)} µs`)
            world.say(`${setting.graph.name}: ${way.name}: ${each.join(', ')}`)
          })
          rounds.push(measured)
          for (const one of measured) figures[`${setting.graph.name}: ${one.way.name}`] = figuresOf(one, price)
        }
        return figures
      },
      async close() {
        for (const { setting } of sides) await setting.close()
        await emptyL2(world.store.redis.url)
        await restore()
        if (!world.quick && sides.every(({ rounds }) => rounds.length > 0))
          await report(sides, price, await machineOf(await world.store.redis.version()))
      },
    }
  },
}

/**
 * Lets pages be written whole no more, for how often that happens depends on checkpoints, and nobody vacuum while we measure. Answers how to undo it.
 */
async function keepQuiet(url: string): Promise<() => Promise<void>> {
  const tell = async (command: 'set' | 'reset') => {
    const client = postgres(url, { max: 1 })
    for (const name of ['full_page_writes', 'autovacuum'])
      await client.unsafe(`alter system ${command} ${name} ${command === 'set' ? '= off' : ''}`)
    await client`select pg_reload_conf()`
    await client.end()
  }
  await tell('set')
  return () => tell('reset')
}

interface Side {
  readonly setting: Setting
  readonly ways: readonly Way[]
  readonly rounds: Measured[][]
}

const figuresOf = ({ work, parts, loadMs, deliveryMs }: Measured, price: number): Figures => ({
  work: databaseWorkOf(work, price),
  cpu: work.cpuS,
  wal: work.walBytes / 1e6,
  rows: parts.rows.count,
  loads: parts.fills.count + parts.lists.count + parts.merges.count,
  load99: loadMs(0.99),
  delivery99: deliveryMs(0.99),
})

async function report(sides: readonly Side[], price: number, machine: Machine): Promise<void> {
  const curves = sides.map(({ setting, rounds }) => {
    const { graph, posts, days, present, activity } = setting
    return curveOf({ graph, posts, days, present, reads: activity.reads, readers: readersOf(activity), rounds, price })
  })
  await mkdir(RESULTS, { recursive: true })
  await writeFile(`${RESULTS}/fanout-curve.json`, `${JSON.stringify({ machine, curves })}\n`)
  await writeFile(`${RESULTS}/fanout-curve.md`, documentOf(curves, machine))
  for (const [name, picture] of Object.entries(picturesOf(curves))) await writeFile(`${PICTURES}/${name}`, picture)
}
