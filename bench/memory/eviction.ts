import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseCount, parseFlags, runCommand, UsageError } from '../../dev/command-line.ts'
import { textBytes } from '../../worker/cache/weigh.ts'
import { POLICIES, type Policy } from './policies.ts'
import { generatedShape, readShape, type Shape, type Trace, traceOf } from './trace.ts'

const USAGE = `Which eviction suits the memory of an isolate: replays reads against byte-bounded caches.

  npm run bench:memory -- [options]

  --shapes DIR    where CacheLib's cachebench files <name>.pop.json and <name>.sizes.json are (graph_cache_follower_assocs and
                  graph_cache_leader_fbobj); default: TIDELINE_CACHELIB, then generated ones of the same shape
  --keys N        keys read more than once (200000)
  --reads N       reads, of which the second half counts (1000000)
  --reads-per-s N for what expires (5000)
  --seed N        (1)
  --out DIR       where memory.json and memory.md go (bench/results)
  --help          this text

The other half of the measurements, the price of the 2 s rule: node bench/memory/max-age.ts --help
`
const NAMES = ['graph_cache_follower_assocs', 'graph_cache_leader_fbobj']
const CAPACITIES = [0.01, 0.05, 0.1, 0.2]
const LIVES_MS = [Number.POSITIVE_INFINITY, 30_000, 2_000]
const SCAN_SHARES = [0, 0.2]

interface Row {
  readonly shape: string
  readonly scans: number
  readonly lifeMs: number | 'none'
  readonly capacity: number
  readonly policy: string
  readonly hitRatio: number
  readonly byteHitRatio: number
  readonly cpuNsPerRead: number
}

/** What is read is kept; what is older than `lifeMs` is read again and replaced. */
function replay({ keys, bytes, reads }: Trace, policy: Policy, lifeMs: number, readsPerS: number) {
  const stepMs = 1_000 / readsPerS
  let hits = 0
  let hitBytes = 0
  let allBytes = 0
  let startedAt = process.cpuUsage()
  const half = reads.length / 2
  for (let at = 0; at < reads.length; at++) {
    if (at === half) {
      startedAt = process.cpuUsage()
      hits = hitBytes = allBytes = 0
    }
    const place = reads[at] ?? 0
    const key = keys[place] ?? ''
    const size = bytes[place] ?? 0
    const readAtMs = at * stepMs
    const filledAtMs = policy.get(key)
    allBytes += size
    if (typeof filledAtMs === 'number' && readAtMs - filledAtMs < lifeMs) {
      hits++
      hitBytes += size
    } else policy.set(key, readAtMs, size)
  }
  const { user } = process.cpuUsage(startedAt)
  return { hitRatio: hits / half, byteHitRatio: hitBytes / allBytes, cpuNsPerRead: (user * 1_000) / half }
}

async function shapesFrom(folder: string | undefined): Promise<{ readonly shapes: Shape[]; readonly source: string }> {
  if (folder !== undefined) {
    if (!existsSync(join(folder, `${NAMES[0]}.pop.json`))) throw new UsageError(`there is no ${NAMES[0]}.pop.json in ${folder}`)
    return {
      shapes: await Promise.all(NAMES.map((name) => readShape(folder, name))),
      source: 'CacheLib cachebench: measured popularity and sizes',
    }
  }
  const [associations = '', objects = ''] = NAMES
  const shapes = [
    generatedShape(associations, { alpha: 0.95, medianBytes: 60, spread: 1.2, oneHits: 0.025 }),
    generatedShape(objects, { alpha: 0.75, medianBytes: 220, spread: 0.5, oneHits: 0.23 }),
  ]
  return { shapes, source: 'generated in the shape of CacheLib’s (--shapes was not given)' }
}

const percent = (share: number): string => (share * 100).toFixed(1)
const lifeOf = (lifeMs: Row['lifeMs']): string => (lifeMs === 'none' ? 'none' : `${lifeMs / 1_000} s`)

function markdownOf(rows: readonly Row[], heading: string): string {
  const lines = ['# Eviction of an isolate’s memory', '', heading, '']
  for (const [title, group] of Map.groupBy(
    rows,
    ({ shape, scans, lifeMs }) => `${shape}, ${percent(scans)} % scans, expiry ${lifeOf(lifeMs)}`,
  )) {
    const names = Object.keys(POLICIES)
    lines.push(`## ${title}`, '', 'Object hit ratio / byte hit ratio (%), CPU of a read (ns).', '')
    lines.push(`| capacity | ${names.join(' | ')} |`, `| --- |${names.map(() => ' --- |').join('')}`)
    for (const [capacity, cells] of Map.groupBy(group, (row) => row.capacity)) {
      const texts = cells.map((row) => `${percent(row.hitRatio)} / ${percent(row.byteHitRatio)}, ${row.cpuNsPerRead.toFixed(0)}`)
      lines.push(`| ${percent(capacity)} % | ${texts.join(' | ')} |`)
    }
    lines.push('')
  }
  return `${lines.join('\n')}`
}

async function main(args: string[]): Promise<void> {
  const text = { type: 'string' } as const
  const flags = { shapes: text, keys: text, reads: text, 'reads-per-s': text, seed: text, out: text, help: { type: 'boolean' } } as const
  const values = parseFlags(args, flags)
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  const keyCount = parseCount('--keys', values.keys ?? '200000', 1_000, 5_000_000)
  const readCount = 2 * Math.ceil(parseCount('--reads', values.reads ?? '1000000', 1_000, 100_000_000) / 2)
  const readsPerS = parseCount('--reads-per-s', values['reads-per-s'] ?? '5000', 1, 10_000_000)
  const seed = parseCount('--seed', values.seed ?? '1', 0)
  const out = values.out ?? fileURLToPath(new URL('../results', import.meta.url))
  const { shapes, source } = await shapesFrom(values.shapes ?? process.env.TIDELINE_CACHELIB)

  const rows: Row[] = []
  for (const shape of shapes) {
    for (const scans of SCAN_SHARES) {
      const trace = traceOf(shape, { keys: keyCount, reads: readCount, seed, scans })
      let wholeBytes = 0
      for (let place = 0; place < trace.known; place++) wholeBytes += (trace.bytes[place] ?? 0) + textBytes(trace.keys[place] ?? '') + 330
      for (const life of LIVES_MS) {
        for (const capacity of CAPACITIES) {
          for (const [policy, create] of Object.entries(POLICIES)) {
            const result = replay(trace, create(wholeBytes * capacity), life, readsPerS)
            const lifeMs = Number.isFinite(life) ? life : 'none'
            rows.push({ shape: shape.name, scans, lifeMs, capacity, policy, ...result })
          }
        }
        process.stderr.write(`${shape.name}, ${percent(scans)} % scans, expiry ${Number.isFinite(life) ? `${life} ms` : 'none'}: done\n`)
      }
    }
  }
  const heading = `${source}. ${keyCount} keys, ${readCount} reads (the second half counts), ${readsPerS} reads a second, seed ${seed}. SIEVE is ours.`
  await mkdir(out, { recursive: true })
  await writeFile(join(out, 'memory.json'), `${JSON.stringify({ source, keyCount, readCount, readsPerS, seed, rows }, null, 2)}\n`)
  const markdown = markdownOf(rows, heading)
  await writeFile(join(out, 'memory.md'), markdown)
  process.stdout.write(markdown)
}

await runCommand(main)
