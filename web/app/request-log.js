// @ts-check
import { createBadge, LAYER_NAMES } from './badge.js'
import { byId, fill, h } from './dom.js'

/** @typedef {import('./trace.js').Trace} Trace */

/** Requests that are kept. */
const KEPT = 30
/** @type {readonly Trace['layer'][]} */
const LAYERS = ['memory', 'l2', 'origin']

/**
 * The last requests of this page, newest first, and what part of the reads each layer answered.
 *
 * @param {(trace: Trace) => void} open
 */
export function startRequestLog(open) {
  const panel = byId('requests', HTMLElement)
  const list = h('ol', { class: 'log', reversed: true })
  const shares = h('dl', { class: 'shares' })
  const stack = h('div', { class: 'stack', 'aria-hidden': 'true' })
  /** @type {Trace[]} */
  let kept = []
  fill(
    panel,
    h('div', { class: 'panel-head' }, h('h2', { id: 'requests-title' }, 'Requests'), h('span', { class: 'soft' }, `the last ${KEPT}`)),
    stack,
    shares,
    list,
  )

  function summarise() {
    const reads = kept.filter(({ layer }) => LAYERS.includes(layer))
    const parts = LAYERS.map((layer) => ({ layer, count: reads.filter((trace) => trace.layer === layer).length }))
    fill(
      shares,
      ...parts.map(({ layer, count }) =>
        h('div', { 'data-layer': layer }, h('dt', {}, h('span', { class: 'dot' }), LAYER_NAMES[layer]), h('dd', {}, String(count))),
      ),
    )
    fill(
      stack,
      ...parts
        .filter(({ count }) => count > 0)
        .map(({ layer, count }) => {
          const part = h('span', { 'data-layer': layer })
          part.style.flexGrow = String(count)
          return part
        }),
    )
  }

  summarise()
  return {
    /** @param {Trace} trace */
    add(trace) {
      kept = [trace, ...kept].slice(0, KEPT)
      list.prepend(h('li', {}, h('code', {}, `${trace.method} ${shortPath(trace.path)}`), createBadge(trace, open)))
      list.children[KEPT]?.remove()
      summarise()
    },
    clear() {
      kept = []
      fill(list)
      summarise()
    },
  }
}

/** What a path asks, without ids and cursors that nobody reads. @param {string} path */
const shortPath = (path) =>
  path
    .replace(/^\/v1/, '')
    .replace(/\d{19}/g, '…')
    .replace(/\?.*cursor=.*$/, ' next page')
    .replace(/\?.*$/, '')
