import type { Machine } from './machine.ts'
import type { Column, Results, Row, Scenario } from './scenario.ts'
import type { Spread } from './statistics.ts'

/** A number as a table shows it: three digits, thousands in groups. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : '∞'
  if (value !== 0 && Math.abs(value) < 1) return value.toPrecision(2).replace(/\.?0+$/, '')
  const rounded = Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))
  return rounded.toLocaleString('en-US', { maximumFractionDigits: 2 })
}

/** The median, and the spread where runs differ. */
export function spreadText({ median, min, max, runs }: Spread, unit = ''): string {
  if (runs.length === 0) return '–'
  const [low, middle, high] = [min, median, max].map(figure)
  return low === high ? `${middle}${unit}` : `${middle}${unit} (${low}..${high})`
}

function cell(row: Row, { figure: name, unit }: Column): string {
  const found = row.figures[name]
  if (found === undefined) return row.failures.length > 0 ? 'failed' : '–'
  if ('median' in found) return spreadText(found, unit)
  const counts = Map.groupBy(found, (text) => text)
  return [...counts].map(([text, same]) => (counts.size > 1 ? `${text} (${same.length} of ${found.length} runs)` : text)).join('; ')
}

/** Runs that some row has figures of. */
const runsOf = (row: Row): number =>
  Math.max(0, ...Object.values(row.figures).map((one) => ('median' in one ? one.runs.length : one.length)))

export interface Verdict {
  readonly text: string
  readonly ours: string
  readonly met: boolean | undefined
}

/** What a table tells of a scenario. */
type Told = Pick<Scenario, 'title' | 'about' | 'columns' | 'bars'>

export const verdictsOf = (scenario: Pick<Told, 'bars'>, results: Results): Verdict[] =>
  scenario.bars.map((bar) => ({ text: bar.text, ...bar.judge(results) }))

const MARKS = new Map([
  [true, 'met'],
  [false, '**missed**'],
])

/** A scenario as Markdown: what is done, the table, and each bar beside what ours gave. */
export function sectionOf(scenario: Told, results: Results): string {
  const head = ['', ...scenario.columns.map(({ title }) => title)]
  const lines = results.rows.map((row) => [row.title, ...scenario.columns.map((column) => cell(row, column))])
  const counts = [...new Set(results.rows.map(runsOf))].sort((a, b) => b - a)
  const short = results.rows
    .filter(({ failures }) => failures.length > 0)
    .map(({ title, failures }) => `${title}: ${failures.length} failed (${failures[0]})`)
  const bars = verdictsOf(scenario, results).map(({ text, ours, met }) => [text, ours, MARKS.get(met as boolean) ?? '–'])
  return [
    `## ${scenario.title}`,
    `${scenario.about} Median (least..most) of ${counts.join(' or ')} ${counts[0] === 1 ? 'run' : 'runs'}.`,
    table(head, lines),
    ...(short.length > 0 ? [`Runs that gave nothing: ${short.join('; ')}.`] : []),
    ...(bars.length > 0 ? [table(['bar', 'ours', ''], bars)] : []),
  ].join('\n\n')
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(3, title.length, ...lines.map((line) => line[i]?.length ?? 0)))
  const row = (cells: readonly string[]): string => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  return [row(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...lines.map(row)].join('\n')
}

export function documentOf(sections: readonly string[], machine: Machine, versions: Readonly<Record<string, string>>): string {
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const about = `${machine.at.slice(0, 10)}, commit ${machine.commit}; ${machine.cpus} × ${machine.cpu}, ${machine.memoryGb} GB, ${machine.system}; Node ${machine.node}, Redis ${machine.redis}, workerd ${machine.workerd}; ${peers.join(', ')}. Peers speak to Redis over TCP by ioredis, ours over HTTP to a façade (dev/upstash-facade.ts) in a process of its own. "default" gives a peer a TTL, "best" turns its own stale and refresh features on; ours is as it comes. All take turns in each run, so the machine's moods befall all alike.`
  return [`# The cache beside its peers`, 'Made by `npm run bench:cache`.', about, ...sections, ''].join('\n\n')
}
