// @ts-check
import { fill, h, spoken } from './dom.js'
import { duration } from './words.js'

/** @typedef {import('./trace.js').Trace} Trace */

/** @type {Readonly<Record<Trace['layer'], string>>} */
export const LAYER_NAMES = { memory: 'memory', l2: 'L2', origin: 'origin', write: 'write', none: 'no cache' }

/** @param {Trace} trace */
function ageText({ layer, ageMs }) {
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
  const badge = h('button', { class: 'badge', type: 'button', 'aria-haspopup': 'dialog', onclick: () => open(trace) })
  describe(badge, trace)
  return badge
}

/**
 * A badge for one request after the other. It stays the same button, for it may have the focus.
 *
 * @param {Element} place
 * @param {(trace: Trace) => void} open
 * @returns {(trace: Trace) => void}
 */
export function badgeIn(place, open) {
  /** @type {Trace | undefined} */
  let shown
  const badge = h('button', { class: 'badge', type: 'button', 'aria-haspopup': 'dialog', onclick: () => shown && open(shown) })
  fill(place)
  return (trace) => {
    shown = trace
    describe(badge, trace)
    if (!badge.isConnected) fill(place, badge)
  }
}

/**
 * @param {HTMLElement} badge
 * @param {Trace} trace
 */
function describe(badge, trace) {
  const { layer, status, tookMs, serverMs } = trace
  const age = ageText(trace)
  badge.dataset.layer = layer
  fill(
    badge,
    h('span', { class: 'dot' }),
    h('strong', {}, status === 0 ? 'no answer' : status >= 400 ? `error ${status}` : LAYER_NAMES[layer]),
    age && h('span', {}, age),
    h('span', {}, duration(tookMs), serverMs !== undefined && h('span', { class: 'server-part' }, ` (${duration(serverMs)} server)`)),
    spoken(': show what it waited for'),
  )
}
