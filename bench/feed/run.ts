import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseCount, parseFlags, runCommand } from '../../dev/command-line.ts'
import { bundleWorker } from '../../test/support/bundle.ts'
import { type Machine, machineOf } from '../cache/machine.ts'
import { type Spread, spreadOf } from '../cache/statistics.ts'
import { figure, spreadText } from '../cache/tables.ts'
import { measureReturns } from './return.ts'
import { countRoundTrips } from './round-trips.ts'
import { createWorld } from './world.ts'

const USAGE = `What the hard readers of a feed cost: one who follows a thousand and comes back after 90 days, beside one whose timeline is in L2, in turn;
and the round trips of a page of 50 with 20 crowded authors. Real workerd on the bundle of wrangler deploy, a real Postgres, Redis and origin.

  npm run bench:feed [-- options]

  --runs N       runs, of which medians and spreads are told (5)
  --readers N    readers of each kind, asked once each in a run (300)
  --help         this text

Prints a table and writes it to bench/results/feed.json and feed.md.
`
const RESULTS = fileURLToPath(new URL('../results', import.meta.url))

/** What a figure's median must not exceed. */
const BARS: Readonly<Record<string, number>> = {
  'p99 after 90 days / p99 from L2': 10,
  'round trips to L2, memory cold': 3,
  'round trips to L2, memory warm': 1,
  'parts waited for from the origin': 0,
}

async function main(args: string[]): Promise<void> {
  const text = { type: 'string' } as const
  const flags = parseFlags(args, { runs: text, readers: text, help: { type: 'boolean' } })
  if (flags.help) return void process.stdout.write(USAGE)
  const runs = parseCount('--runs', flags.runs ?? '5')
  const readers = parseCount('--readers', flags.readers ?? '300', 10, 5_000)
  const bundle = await bundleWorker()
  const world = await createWorld(bundle.path, readers)
  try {
    const measured: Readonly<Record<string, number>>[] = []
    for (let run = 0; run <= runs; run++) {
      const figures = { ...(await measureReturns(world)), ...(await countRoundTrips(world, bundle.path)) }
      if (run > 0) measured.push(figures) // the first run lets the compilers see everything
      process.stderr.write(`run ${run} of ${runs}${run === 0 ? ' (not counted)' : ''}\n`)
    }
    const names = Object.keys(measured[0] ?? {})
    const spreads = new Map(names.map((name) => [name, spreadOf(measured.map((figures) => figures[name] ?? Number.NaN))]))
    const machine = await machineOf(await world.stack.redis.version())
    const document = documentOf(spreads, machine, { runs, readers })
    process.stdout.write(document)
    await mkdir(RESULTS, { recursive: true })
    await writeFile(
      `${RESULTS}/feed.json`,
      `${JSON.stringify({ runs, readers, machine, figures: Object.fromEntries(spreads) }, null, 2)}\n`,
    )
    await writeFile(`${RESULTS}/feed.md`, document)
  } finally {
    await world.stop()
    await bundle.remove()
  }
}

function documentOf(spreads: ReadonlyMap<string, Spread>, machine: Machine, { runs, readers }: { runs: number; readers: number }): string {
  const rows = [...spreads].map(([name, spread]) => {
    const bar = BARS[name]
    const verdict = bar === undefined ? '' : spread.median <= bar ? 'met' : '**missed**'
    return `| ${name} | ${spreadText(spread)} | ${bar === undefined ? '' : `≤ ${figure(bar)}`} | ${verdict} |\n`
  })
  return `Readers who follow 1,000 authors, 20 of them crowded; ${readers} of each kind, in turn; medians (least..most) of ${runs} runs. ${machine.cpu}, ${machine.cpus}
cores, Node ${machine.node}, Redis ${machine.redis}, workerd ${machine.workerd}, commit ${machine.commit}: \`npm run bench:feed\`.

| | measured | bar | |
| --- | --- | --- | --- |
${rows.join('')}`
}

await runCommand(main)
