import { createReadStream, existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { parseCount, parseFlags, runCommand, UsageError } from '../../dev/command-line.ts'
import { mulberry32 } from '../../dev/random.ts'
import { createDemo } from '../../dev/seed.ts'
import type { Costs } from './costs.ts'
import { createOriginModel, type OriginModel } from './origin-model.ts'
import { replay } from './replay.ts'
import { asNow, createJournal, omniscient, type Rule, withJournal } from './rules.ts'
import { createVirtualTime, type VirtualTime } from './virtual-time.ts'

const USAGE = `What the 2 s rule of an isolate's memory costs, and what a journal of invalidations would save.

  node bench/memory/max-age.ts [options]

The activity of "npm run simulate" over a follow graph goes through the real read path of some isolates, in virtual time.

  --edges FILE     a follow graph as "npm run import" reads it; default: TIDELINE_GRAPH, then the graph of the demo
  --posts N        the past of posts it is given (300000; 2000 for the demo's graph)
  --crowd N        followers above which an author is pulled (1000; 200)
  --speed X        shortens people's pauses, as in "npm run simulate" (1)
  --busier N       times the reads per second of the demo's 1,000 readers (1)
  --isolates LIST  ("1,4,16")
  --rules LIST     of now, journal, bound, journal-stale, bound-stale ("now,journal,bound"); bound knows all invalidations at
                   once and for nothing; -stale serves from memory beyond the soft end too
  --slots N        counters of the journal (1024)
  --others N       invalidations a second of keys that nobody here reads (0)
  --warm S         seconds before what counts (90), and
  --seconds S      seconds that count (20)
  --seed N         (1)
  --out DIR        where max-age.json and max-age.md go (bench/results)
  --help           this text
`
const START_MS = 1_763_700_000_000
/** The readers of "npm run simulate" at its speed of 30. */
const READERS = 30_000
const RULES = ['now', 'journal', 'bound', 'journal-stale', 'bound-stale'] as const
type RuleName = (typeof RULES)[number]

interface Settings {
  readonly edges: string | undefined
  readonly posts: number
  readonly crowd: number
  readonly speed: number
  readonly busier: number
  readonly isolates: readonly number[]
  readonly rules: readonly RuleName[]
  readonly slots: number
  readonly others: number
  readonly warm: number
  readonly seconds: number
  readonly seed: number
  readonly out: string
}

function parseSettings(args: string[]): Settings | undefined {
  const text = { type: 'string' } as const
  const world = { edges: text, posts: text, crowd: text, speed: text, busier: text, isolates: text, rules: text } as const
  const values = parseFlags(args, {
    ...world,
    slots: text,
    others: text,
    warm: text,
    seconds: text,
    seed: text,
    out: text,
    help: { type: 'boolean' },
  })
  if (values.help) return undefined
  const edges = values.edges ?? process.env.TIDELINE_GRAPH
  if (edges !== undefined && !existsSync(edges)) throw new UsageError(`there is no file ${edges}`)
  const count = (
    name: 'posts' | 'crowd' | 'speed' | 'busier' | 'slots' | 'others' | 'warm' | 'seconds' | 'seed',
    fallback: number,
    least = 1,
  ) => parseCount(`--${name}`, values[name] ?? String(fallback), least)
  return {
    edges,
    posts: count('posts', edges ? 300_000 : 2_000),
    crowd: count('crowd', edges ? 1_000 : 200),
    speed: count('speed', 1),
    busier: count('busier', 1),
    isolates: (values.isolates ?? '1,4,16').split(',').map((one) => parseCount('--isolates', one, 1, 1_000)),
    rules: (values.rules ?? 'now,journal,bound').split(',').map(parseRule),
    slots: count('slots', 1_024),
    others: count('others', 0, 0),
    warm: count('warm', 90, 0),
    seconds: count('seconds', 20),
    seed: count('seed', 1, 0),
    out: values.out ?? fileURLToPath(new URL('../results', import.meta.url)),
  }
}

function parseRule(text: string): RuleName {
  const rule = RULES.find((name) => name === text)
  if (!rule) throw new UsageError(`--rules is a list of ${RULES.join(', ')}, not "${text}"`)
  return rule
}

function edgesOf({ edges, seed }: Settings): AsyncIterable<Uint8Array> {
  if (edges !== undefined) return createReadStream(edges)
  const { follows } = createDemo({ seed, nowMs: START_MS })
  return Readable.from([Buffer.from(follows.map(({ followerId, followeeId }) => `${followerId}\t${followeeId}\n`).join(''))])
}

function ruleOf(
  name: RuleName,
  settings: Settings,
  time: VirtualTime,
  origin: OriginModel,
): { rule: () => Rule; invalidated: (key: string) => void } {
  const until = name.endsWith('-stale') ? 'hardExpiresAtMs' : 'softExpiresAtMs'
  if (name === 'now') return { rule: () => asNow, invalidated() {} }
  if (name.startsWith('bound')) return { rule: () => omniscient(time.nowMs, origin.truthOf, until), invalidated() {} }
  const journal = createJournal(settings.slots, settings.others, time.nowMs, mulberry32(settings.seed))
  return { rule: () => withJournal(journal, time.nowMs, until), invalidated: journal.bump }
}

interface Row {
  readonly isolates: number
  readonly rule: RuleName
  readonly readsPerS: number
  readonly mgetWaits: number
  readonly feedMgetWaits: number
  readonly loadWaits: number
  readonly mgetsPer1000: number
  readonly scriptsPer1000: number
  readonly kilobytes: number
  readonly wholly: number
  readonly invalidationsPerS: number
  readonly memoryShare: Readonly<Record<string, number>>
}

function rowOf(costs: Costs, isolates: number, rule: RuleName, settings: Settings): Row {
  const per = (count: number): number => count / costs.reads
  return {
    isolates,
    rule,
    readsPerS: costs.reads / settings.seconds,
    mgetWaits: per(costs.sharedWaits),
    feedMgetWaits: costs.feedSharedWaits / costs.feeds,
    loadWaits: per(costs.originWaits),
    mgetsPer1000: 1_000 * per(costs.mgets),
    scriptsPer1000: 1_000 * per(costs.scripts),
    kilobytes: per(costs.mgetBytes) / 1_024,
    wholly: per(costs.whollyMemory),
    invalidationsPerS: costs.invalidations / settings.seconds,
    memoryShare: Object.fromEntries([...costs.answers].map(([kind, { all, memory }]) => [kind, memory / all])),
  }
}

const HEAD = `| isolates | rule | reads/s | MGETs waited for, a read | a feed read | turns that wait for loads | MGETs / scripts per 1,000 reads | KB of MGET a read | wholly from L1 | L1 hits: po, us, au, tl, vw |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |`

function lineOf(row: Row): string {
  const percent = (share: number | undefined): string => `${((share ?? 0) * 100).toFixed(1)} %`
  const hits = ['post', 'user', 'author', 'timeline', 'viewer'].map((kind) => percent(row.memoryShare[kind])).join(', ')
  const waits = `${row.mgetWaits.toFixed(3)} | ${row.feedMgetWaits.toFixed(3)} | ${row.loadWaits.toFixed(3)}`
  const commands = `${row.mgetsPer1000.toFixed(0)} / ${row.scriptsPer1000.toFixed(0)}`
  return `| ${row.isolates} | ${row.rule} | ${row.readsPerS.toFixed(0)} | ${waits} | ${commands} | ${row.kilobytes.toFixed(1)} | ${percent(row.wholly)} | ${hits} |`
}

async function main(args: string[]): Promise<void> {
  const settings = parseSettings(args)
  if (!settings) {
    process.stdout.write(USAGE)
    return
  }
  Error.stackTraceLimit = 0 // no error here is a surprise, and stacks would cost half of the time
  const { posts, crowd, speed, busier, seed, slots, others, warm, seconds, out } = settings
  const graph = settings.edges ? 'a follow graph from a file' : 'the graph of the demo'
  const lines = [
    '# What the 2 s rule costs',
    '',
    `${graph}, ${posts} posts, crowd above ${crowd}, speed ${speed}, ${busier} times the demo's readers, ${slots} slots, ${others} other invalidations a second, ${warm} s and then ${seconds} s that count, seed ${seed}.`,
    '',
    HEAD,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  const rows: Row[] = []
  for (const isolates of settings.isolates) {
    for (const name of settings.rules) {
      const time = createVirtualTime(START_MS)
      const origin = await createOriginModel(edgesOf(settings), 'edges', { nowMs: time.nowMs, seed, posts, crowdThreshold: crowd })
      const readers = Math.round((READERS * busier) / speed)
      const durations = { warmMs: warm * 1_000, measureMs: seconds * 1_000 }
      const costs = await replay(origin, time, { seed, speed, readers, isolates, ...durations, ...ruleOf(name, settings, time, origin) })
      const row = rowOf(costs, isolates, name, settings)
      rows.push(row)
      lines.push(lineOf(row))
      process.stdout.write(`${lineOf(row)}\n`)
    }
  }
  await mkdir(out, { recursive: true })
  await writeFile(join(out, 'max-age.json'), `${JSON.stringify({ settings, rows }, null, 2)}\n`)
  await writeFile(join(out, 'max-age.md'), `${lines.join('\n')}\n`)
}

await runCommand(main)
