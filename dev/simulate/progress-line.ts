import { clock, percent } from './figures.ts'
import { sharesOf } from './layers.ts'
import { type Measures, READS } from './measures.ts'

const BAR = 24
/** Where nobody watches, a line now and then is enough (milliseconds). */
const LINE_EVERY_MS = 10_000

/** A line that is drawn over each second on a terminal; elsewhere one every ten seconds. */
export function createProgressLine(lengthMs: number) {
  const { stderr } = process
  let lastAtMs = 0
  let lastRequests = 0
  const clear = () => void (stderr.isTTY && stderr.write('\r\u001b[K'))
  return {
    tick(elapsedMs: number, measures: Measures): void {
      if (!stderr.isTTY && elapsedMs - lastAtMs < LINE_EVERY_MS) return
      const { requests } = measures.of([...READS, 'write'])
      const { memory, shared, origin } = sharesOf(measures.of(READS).layers)
      const rate = ((requests - lastRequests) * 1_000) / (elapsedMs - lastAtMs || 1)
      const filled = Math.round(BAR * Math.min(1, elapsedMs / lengthMs))
      const layers = `memory ${percent(memory)}, Redis ${percent(shared)}, origin ${percent(origin)}`
      const { late, dropped } = measures.tally
      const text = `[${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}] ${clock(elapsedMs / 1_000)} of ${clock(lengthMs / 1_000)}  ${rate.toFixed(0)} requests/s  ${layers}  ${late} late, ${dropped} dropped, ${measures.errors()} errors`
      stderr.write(stderr.isTTY ? `\r\u001b[K${text.slice(0, (stderr.columns ?? 160) - 1)}` : `${text}\n`)
      lastAtMs = elapsedMs
      lastRequests = requests
    },
    /** Says something without leaving half a line behind it. */
    around: (say: (line: string) => void) => (line: string) => {
      clear()
      say(line)
    },
    end: clear,
  }
}
