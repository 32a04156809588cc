// @ts-check
import { h, spoken } from './dom.js'
import { duration } from './words.js'

/** @typedef {import('./trace.js').Trace} Trace */

/** @type {Readonly<Record<Trace['layer'], string>>} */
export const LAYER_NAMES = { memory: 'memory', l2: 'L2', origin: 'origin', write: 'write', none: 'no cache' }

/** @param {Trace} trace */
export function ageText({ layer, ageMs }) {
  if (layer === 'write' || layer === 'none') return ''
  return ageMs === undefined ? 'age unknown' : `${duration(ageMs)} old`
}

/**
 * Which layer answered, how old that is, how long it took. It opens the details.
 *
 * @param {Trace} trace
 * @param {(trace: Trace) => void} open
 */
export function createBadge(trace, open) {
  const age = ageText(trace)
  return h(
    'button',
    { class: 'badge', type: 'button', 'data-layer': trace.layer, 'aria-haspopup': 'dialog', onclick: () => open(trace) },
    h('span', { class: 'dot' }),
    h('strong', {}, trace.status === 0 ? 'no answer' : trace.status >= 400 ? `error ${trace.status}` : LAYER_NAMES[trace.layer]),
    age && h('span', {}, age),
    h(
      'span',
      {},
      duration(trace.tookMs),
      trace.serverMs !== undefined && h('span', { class: 'server-part' }, ` (${duration(trace.serverMs)} server)`),
    ),
    spoken(': show what it waited for'),
  )
}
