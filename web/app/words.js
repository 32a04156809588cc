// @ts-check

const number = new Intl.NumberFormat('en')
const day = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric' })

/** @param {number} value */
export const counted = (value) => number.format(value)

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export const plural = (count, one, many = `${one}s`) => `${counted(count)} ${count === 1 ? one : many}`

/** @param {number} ms */
export function duration(ms) {
  if (ms < 10 && !Number.isInteger(ms)) return `${ms.toFixed(1)} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`
  return `${Math.round(ms / 3_600_000)} h`
}

/**
 * How long ago something was, short enough for a corner.
 *
 * @param {string} iso
 * @param {number} nowMs
 */
export function ago(iso, nowMs) {
  const seconds = Math.max(0, (nowMs - Date.parse(iso)) / 1_000)
  if (seconds < 10) return 'now'
  if (seconds < 60) return `${Math.floor(seconds)} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`
  if (seconds < 7 * 86_400) return `${Math.floor(seconds / 86_400)} d`
  return day.format(new Date(iso))
}

/** What `Tideline-Degraded` means to a reader. @type {Readonly<Record<string, string>>} */
const REASONS = {
  'l2-unavailable': 'The shared cache cannot be asked right now, so posts may be a little older than usual.',
  'origin-unavailable': 'The origin did not answer in time; you see what was kept from before.',
  stale: 'Some of this is older than it should be.',
  incomplete: 'Posts of some widely followed people may be missing for the moment.',
  'timeline-behind': 'People you followed just now will show up in a moment.',
  unproven: 'Posts for followers are left out for the moment: that you may see them cannot be checked right now.',
  'mine-unknown': 'Which older posts you liked or reposted cannot be told right now.',
}

/** @param {readonly string[]} reasons */
export const degradedText = (reasons) => reasons.map((reason) => REASONS[reason] ?? `Something is amiss: ${reason}.`).join(' ')
