// @ts-check
import { LAYER_NAMES } from './badge.js'
import { closeButton, openDialog } from './dialog.js'
import { byId, fill, h } from './dom.js'
import { duration } from './words.js'

/** @typedef {import('./trace.js').Trace} Trace */
/** @typedef {{ name: string, kind: string, fromMs: number, tookMs: number, text: string }} Row */

/** @type {Readonly<Record<string, string>>} */
const NAMES = { l2: 'L2 (Redis)', origin: 'Origin' }

/** What a request waited for, as bars that are also told in words. @param {Trace} trace */
export function openWaterfall(trace) {
  const dialog = byId('waterfall', HTMLDialogElement)
  const rows = rowsOf(trace)
  const longestMs = Math.max(...rows.map(({ fromMs, tookMs }) => fromMs + tookMs), 0.1)
  fill(
    dialog,
    h('div', { class: 'sheet-head' }, h('h2', { id: 'waterfall-title' }, 'What this request waited for'), closeButton(dialog)),
    h(
      'p',
      { class: 'request-line' },
      h('code', {}, `${trace.method} ${trace.path}`),
      h('span', { class: 'soft' }, trace.status ? ` ${trace.status}` : ''),
    ),
    h('ol', { class: 'waterfall' }, ...rows.map((row) => bar(row, longestMs))),
    trace.serverMs !== undefined &&
      h('p', { class: 'note' }, 'How the time on the way divides into there and back is not known; the worker is drawn in the middle.'),
    trace.spans.length === 0 &&
      trace.layer === 'memory' &&
      h('p', { class: 'note' }, 'Nothing was asked of anybody: the isolate’s own memory had it all.'),
    countsList(trace),
    trace.headers.length > 0 &&
      h(
        'details',
        {},
        h('summary', {}, 'The headers as they came'),
        h('dl', { class: 'headers' }, ...trace.headers.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
      ),
  )
  openDialog(dialog)
}

/**
 * The whole as this page measured it, the worker within, and what it asked. The worker's own times count from when it got the request.
 *
 * @param {Trace} trace
 * @returns {Row[]}
 */
function rowsOf({ tookMs, serverMs, spans }) {
  const startMs = Math.max(0, (tookMs - (serverMs ?? tookMs)) / 2)
  const network = serverMs === undefined ? '' : `${duration(Math.max(0, tookMs - serverMs))} of it on the way`
  return [
    { name: 'This page', kind: 'page', fromMs: 0, tookMs, text: network },
    ...(serverMs === undefined ? [] : [{ name: 'Worker', kind: 'worker', fromMs: startMs, tookMs: serverMs, text: '' }]),
    ...spans.map((span) => ({
      ...span,
      name: NAMES[span.name] ?? span.name,
      kind: span.name,
      fromMs: startMs + span.fromMs,
      text: spanText(span),
    })),
  ]
}

/** @param {Trace['spans'][number]} span */
const spanText = ({ fromMs, text }) => [`from ${duration(fromMs)}`, text].filter(Boolean).join(', ')

/**
 * @param {Row} row
 * @param {number} longestMs
 */
function bar({ name, kind, fromMs, tookMs, text }, longestMs) {
  const fillBar = h('span', { class: 'bar-fill' })
  fillBar.style.marginInlineStart = `${(fromMs / longestMs) * 100}%`
  fillBar.style.inlineSize = `${(tookMs / longestMs) * 100}%`
  return h(
    'li',
    { 'data-kind': kind },
    h('span', { class: 'bar-name' }, name),
    text && h('span', { class: 'bar-text' }, text),
    h('span', { class: 'bar-time' }, duration(tookMs)),
    h('span', { class: 'bar-track', 'aria-hidden': 'true' }, fillBar),
  )
}

/** How many parts of the answer came from where. @param {Trace} trace */
function countsList({ counts, layer }) {
  const places = [
    ['memory', 'memory', LAYER_NAMES.memory],
    ['shared', 'l2', LAYER_NAMES.l2],
    ['origin', 'origin', LAYER_NAMES.origin],
  ]
  if (layer === 'write' || !places.some(([name = '']) => counts[name] !== undefined)) return null
  return h(
    'dl',
    { class: 'counts', 'aria-label': 'Parts of the answer by where they came from' },
    ...places.map(([name = '', kind = '', label = '']) =>
      h('div', { 'data-layer': kind }, h('dt', {}, `from ${label}`), h('dd', {}, String(counts[name] ?? 0))),
    ),
  )
}
