import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseCount, parseFlags, runCommand } from '../../dev/command-line.ts'
import { bundleWorker } from '../../test/support/bundle.ts'
import { startWorkerd, type Workerd } from '../../test/support/workerd.ts'
import { type Case, casesOf } from './cases.ts'
import { cpuMsOf } from './cpu.ts'
import type { Batch, Sent } from './load.ts'
import { createWorld } from './world.ts'

const USAGE = `CPU of workerd per request, over a constant body of the same size: real workerd on the bundle of wrangler deploy, a real Postgres, Redis
and origin behind it. The cases take turns within each run, and each is set against the constant body of the same run.

  npm run bench:edge [-- options]

  --runs N       runs, of which the median is told (7)
  --slice MS     milliseconds each case is asked for in a run (1500)
  --readers N    readers whose timelines come from L2, asked once each in a run (3000)
  --only TEXT    only the cases whose name has this text
  --bundle FILE  another build of the worker, for a comparison; nothing is written then
  --help         this text

Prints a table and writes it to bench/results/edge.json and edge.md. Linux only: CPU time is read from /proc.
`
const CONNECTIONS = 16
const MAX_ATTEMPTS = 5
/** By then memory asks L2 again for what a disturbed slice has brought: its max age is 2 s (milliseconds). */
const FORGET_MS = 2_500
const RESULTS = fileURLToPath(new URL('../results', import.meta.url))

interface Slice {
  readonly usPerRequest: number
  readonly sent: Sent
}
interface Row {
  readonly case: string
  readonly bar: number | null
  readonly bytes: number
  /** Medians over the runs: CPU of an answer and of the constant body (microseconds), and of their ratios. */
  readonly us: number
  readonly constantUs: number
  readonly ratio: number
  readonly least: number
  readonly most: number
  /** Parts of an answer by layer, on average. */
  readonly parts: { readonly memory: number; readonly shared: number; readonly origin: number }
}

async function main(args: string[]): Promise<void> {
  const text = { type: 'string' } as const
  const flags = parseFlags(args, { runs: text, slice: text, readers: text, only: text, bundle: text, help: { type: 'boolean' } })
  if (flags.help) return void process.stdout.write(USAGE)
  const runs = parseCount('--runs', flags.runs ?? '7')
  const sliceMs = parseCount('--slice', flags.slice ?? '1500', 100)
  const readers = parseCount('--readers', flags.readers ?? '3000', 200)
  await cpuMsOf(process.pid)
  const bundle = flags.bundle === undefined ? await bundleWorker() : { path: flags.bundle, remove: async () => {} }
  const constant = await startWorkerd({ bundle: fileURLToPath(new URL('constant.js', import.meta.url)), bindings: {} })
  const load = startLoad()
  const world = await createWorld(bundle.path, readers)
  try {
    const cases = casesOf(world, sliceMs).filter(({ name }) => name.includes(flags.only ?? ''))
    const [worker] = world.stack.workers
    if (!worker) throw new Error('no worker')
    const measured = new Map<Case, { readonly slice: Slice; readonly constant: Slice }[]>(cases.map((one) => [one, []]))
    for (let run = 0; run <= runs; run++) {
      await world.renew()
      for (const [one, pairs] of measured) {
        const slice = await measureWell(load, worker, one)
        const path = `/${slice.sent.bytes}`
        const same = { asks: [{ path }], forMs: one.forMs ?? sliceMs }
        const pair = {
          slice,
          constant: await measure(
            load,
            constant,
            same,
            Array.from({ length: 500 }, () => ({ path })),
          ),
        }
        if (run > 0) pairs.push(pair) // the first run lets the compiler see everything
      }
      process.stderr.write(`run ${run} of ${runs}${run === 0 ? ' (not counted)' : ''}\n`)
    }
    const rows = [...measured].map(([one, pairs]) => rowOf(one, pairs))
    process.stdout.write(tableOf(rows))
    if (flags.bundle === undefined && flags.only === undefined) await write(rows, runs)
  } finally {
    load.stop()
    await Promise.all([world.stop(), constant.stop(), bundle.remove()])
  }
}

/** Sends one batch after another through a process of its own. */
function startLoad(): { send(batch: Batch): Promise<Sent>; stop(): void } {
  const child = fork(fileURLToPath(new URL('load.ts', import.meta.url)))
  const ended = new AbortController()
  child.once('exit', () => ended.abort(new Error('the load generator ended: see above')))
  return {
    async send(batch) {
      child.send(batch)
      const [answer] = await once(child, 'message', { signal: ended.signal }).catch(() => {
        throw ended.signal.reason
      })
      return answer as Sent
    },
    stop: () => child.connected && child.disconnect(),
  }
}

async function measure(
  load: ReturnType<typeof startLoad>,
  { process: { pid = 0 }, urls }: Workerd,
  { asks, forMs }: Pick<Case, 'asks' | 'forMs'>,
  warmUp: Batch['asks'],
): Promise<Slice> {
  const port = Number(new URL(urls[0] ?? '').port)
  await load.send({ port, asks: warmUp, connections: CONNECTIONS })
  const before = await cpuMsOf(pid)
  const sent = await load.send({ port, asks, connections: CONNECTIONS, ...(forMs === undefined ? {} : { forMs }) })
  const usedMs = (await cpuMsOf(pid)) - before
  return { usPerRequest: (usedMs * 1_000) / sent.answers, sent }
}

/** A figure is of no use when the answers came from elsewhere than the case says: a busy machine misses deadlines, then it is taken again. */
async function measureWell(load: ReturnType<typeof startLoad>, worker: Workerd, one: Case): Promise<Slice> {
  for (let attempt = 1; ; attempt++) {
    const slice = await measure(load, worker, one, one.warmUp)
    const { answers, shared, origin } = slice.sent
    const [least, most] = one.shared
    if (origin === 0 && shared >= least * answers && shared <= most * answers) return slice
    const told = `${one.name}: of ${answers} answers ${shared} parts came from L2 and ${origin} from the origin`
    if (attempt === MAX_ATTEMPTS) throw new Error(told)
    process.stderr.write(`${told}: taken again\n`)
    await sleep(FORGET_MS)
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const round = (value: number, digits: number): number => Number(value.toFixed(digits))

function rowOf({ name, bar }: Case, pairs: readonly { readonly slice: Slice; readonly constant: Slice }[]): Row {
  const ratios = pairs.map(({ slice, constant }) => slice.usPerRequest / constant.usPerRequest)
  const answers = pairs.reduce((sum, { slice }) => sum + slice.sent.answers, 0)
  const parts = (layer: 'memory' | 'shared' | 'origin') => round(pairs.reduce((sum, { slice }) => sum + slice.sent[layer], 0) / answers, 2)
  return {
    case: name,
    bar: bar ?? null,
    bytes: pairs[0]?.slice.sent.bytes ?? 0,
    us: round(median(pairs.map(({ slice }) => slice.usPerRequest)), 1),
    constantUs: round(median(pairs.map(({ constant }) => constant.usPerRequest)), 1),
    ratio: round(median(ratios), 2),
    least: round(Math.min(...ratios), 2),
    most: round(Math.max(...ratios), 2),
    parts: { memory: parts('memory'), shared: parts('shared'), origin: parts('origin') },
  }
}

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ case: name, bytes, us, constantUs, ratio, least, most, bar, parts }) =>
    [
      name,
      bytes,
      us,
      constantUs,
      `${ratio} (${least}–${most})`,
      bar === null ? '' : `≤ ${bar}`,
      `${parts.memory} / ${parts.shared} / ${parts.origin}`,
    ].join(' | '),
  )
  const head = ['case', 'bytes', 'CPU µs', 'constant body µs', 'ratio, median (least–most)', 'bar', 'parts from L1 / L2 / origin']
  return `| ${head.join(' | ')} |\n|${' --- |'.repeat(head.length)}\n${lines.map((line) => `| ${line} |\n`).join('')}`
}

async function write(rows: readonly Row[], runs: number): Promise<void> {
  const machine = `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Node ${process.versions.node}`
  await mkdir(RESULTS, { recursive: true })
  await writeFile(`${RESULTS}/edge.json`, `${JSON.stringify({ runs, machine, connections: CONNECTIONS, rows }, null, 2)}\n`)
  const about = `CPU of workerd per request over a constant body of the same size, ${runs} interleaved runs (${machine}): \`npm run bench:edge\`.`
  await writeFile(`${RESULTS}/edge.md`, `${about}\n\n${tableOf(rows)}`)
}

await runCommand(main)
