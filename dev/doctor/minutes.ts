import type { ConsistencyRow } from '../../origin/db/consistency.ts'

/** Minutes of the consistency monitor as text for people: what was right, in nines, and what was not. */
export function minutesText(rows: readonly ConsistencyRow[], minutes: number): string {
  if (rows.length === 0) {
    return `the monitor has looked at nothing in the last ${minutes} minutes

It runs in every origin process whose MONITOR_SAMPLES_PER_MINUTE is above 0, and looks at what caches hold: read a feed, and ask again.
`
  }
  const header = ['minute (UTC)', 'place', 'keys', 'checked', 'late', 'beyond', 'wrong', 'right', 'nines']
  const all = rows.reduce(sum, { minuteMs: 0, place: '', kind: '', checked: 0, late: 0, beyond: 0, wrong: 0 })
  const table = [header, ...rows.map(lineOf), ['all', ...lineOf(all).slice(1)]]
  const widths = header.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)))
  const text = table.map((line) =>
    line
      .map((cell, i) => (i < 3 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('   ')
      .trimEnd(),
  )
  return `${text.join('\n')}\n`
}

const sum = (total: ConsistencyRow, row: ConsistencyRow): ConsistencyRow => ({
  ...total,
  checked: total.checked + row.checked,
  late: total.late + row.late,
  beyond: total.beyond + row.beyond,
  wrong: total.wrong + row.wrong,
})

function lineOf(row: ConsistencyRow): string[] {
  const { minuteMs, place, kind, checked, late, beyond, wrong } = row
  const minute = new Date(minuteMs).toISOString().slice(0, 16).replace('T', ' ')
  const counts = [checked, late, beyond, wrong].map((count) => count.toLocaleString('en'))
  return [minute, place, kind, ...counts, shareOf(row), ninesOf(row)]
}

const rightOf = ({ checked, beyond, wrong }: ConsistencyRow): number => (checked === 0 ? 1 : (checked - beyond - wrong) / checked)
const shareOf = (row: ConsistencyRow): string => `${(100 * rightOf(row)).toFixed(3)} %`

/** -log10 of the share that was not right; with nothing wrong, at least what so many answers can show. */
function ninesOf(row: ConsistencyRow): string {
  const share = 1 - rightOf(row)
  return share > 0 ? (-Math.log10(share)).toFixed(1) : `> ${Math.log10(Math.max(1, row.checked)).toFixed(1)}`
}
