import { PROMISED_MS } from '../../contract/promise.ts'
import type { ReaderRow } from '../../origin/db/doctor.ts'
import type { Examination } from './examine.ts'
import { secondsOf } from './explain.ts'

/** Is anything beyond the promise, or could a page not be had? */
export const isAmiss = ({ differences, unexplained, scroll }: Examination): boolean =>
  unexplained > 0 || typeof scroll.ended === 'object' || differences.some(({ verdict }) => verdict !== 'late within the promise')

/** An examination as text for people. */
export function reportOf(examination: Examination): string {
  const { reader, scroll, activities, differences, unexplained } = examination
  const lines = [readerLine(reader), ...noteOf(reader), scrollLine(examination)]
  for (const [reason, pages] of scroll.degraded)
    lines.push(`${pages} of its pages said ${reason} (docs/runbook.md, Tideline-Degraded values)`)
  if (typeof scroll.ended === 'object') lines.push(`the scroll went no further: ${scroll.ended.failed}`)
  if (scroll.source !== 'following')
    lines.push(`the reader follows nobody and is shown what is ${scroll.source}: there is nothing to compare`)
  else if (activities > 0 || scroll.pages > 0)
    lines.push(`compared with ${count(activities, 'activity', 'activities')} in Postgres, asked afterwards`)
  for (const { verdict, headline, places, therefore } of differences) {
    lines.push('', `${verdict}: ${headline}`)
    for (const [place, says] of places) lines.push(`  ${place.padEnd(9)} ${says}`)
    lines.push(`  ${'so'.padEnd(9)} ${therefore}`)
  }
  if (unexplained > 0) lines.push('', `and ${unexplained} more beyond the promise, not explained`)
  return `${[...lines, '', conclusionOf(examination)].join('\n')}\n`
}

const readerLine = ({ handle, id, follows }: ReaderRow): string => `@${handle} (${id}) follows ${follows}`

function noteOf({ barred, enrolledAtMs, lastActiveAtMs, rebuilding, nowMs }: ReaderRow): string[] {
  if (barred) return [`the account is ${barred}: nobody reads as it`]
  if (enrolledAtMs === null) {
    const since = lastActiveAtMs === null ? 'has never read' : `has not read for ${daysOf(nowMs - lastActiveAtMs)}`
    return [`dormant: ${since}, so nothing was pushed; this read enrolled them, and their timeline was made from the posts`]
  }
  return rebuilding ? ['enrolled, and the timeline is still to be made from the posts: the next load does it'] : []
}

function scrollLine({ reader, scroll: { pages, lines, ended } }: Examination): string {
  const to = ended === 'end' ? 'to the end of the history' : `down to ${lines.at(-1)?.activityId ?? 'nothing'}`
  return `read at ${new Date(reader.nowMs).toISOString()} by Postgres' clock: ${count(pages, 'page')}, ${count(lines.length, 'post')}, ${to}`
}

function conclusionOf(examination: Examination): string {
  const { differences, scroll } = examination
  const late = differences.filter(({ verdict }) => verdict === 'late within the promise').length
  const within = late > 0 ? `; ${count(late, 'difference')} within the promised ${secondsOf(PROMISED_MS)}` : ''
  if (!isAmiss(examination)) return `Nothing is beyond the promise${within}.`
  const beyond = differences.length - late + examination.unexplained
  if (beyond === 0)
    return `What could be read is right${within}; ${typeof scroll.ended === 'object' ? 'the rest could not be read' : 'all of it'}.`
  return `${count(beyond, 'difference')} beyond the promise${within}.`
}

const count = (many: number, one: string, several = `${one}s`): string => `${many.toLocaleString('en')} ${many === 1 ? one : several}`
const daysOf = (ms: number): string => (ms < 86_400_000 ? `${Math.round(ms / 3_600_000)} hours` : `${Math.round(ms / 86_400_000)} days`)
