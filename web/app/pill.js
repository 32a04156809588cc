// @ts-check
import { byId, fill, h, icon } from './dom.js'
import { plural } from './words.js'

/** @typedef {{ kind: 'none' } | { kind: 'new', count: number, isMore: boolean } | { kind: 'gap' } | { kind: 'top' }} PillState */

/**
 * What floats above the feed and says that there is more further up.
 *
 * @param {(state: PillState) => void} onClick
 */
export function startPill(onClick) {
  const place = byId('pill', HTMLElement)
  /** @type {PillState} */
  let state = { kind: 'none' }

  function textOf() {
    if (state.kind === 'new') return `${plural(state.count, 'new post')}${state.isMore ? ' and more' : ''}`
    return state.kind === 'gap' ? 'Something above has changed: read from the top' : 'To the newest'
  }

  return {
    state: () => state,
    /** @param {PillState} next */
    show(next) {
      if (JSON.stringify(next) === JSON.stringify(state)) return
      state = next
      if (state.kind === 'none') fill(place)
      else {
        const had = place.firstElementChild
        if (had instanceof HTMLButtonElement)
          fill(had, icon('up'), textOf()) // it may have the focus
        else fill(place, h('button', { class: 'pill', type: 'button', onclick: () => onClick(state) }, icon('up'), textOf()))
      }
    },
  }
}
