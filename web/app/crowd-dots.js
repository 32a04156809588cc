// @ts-check
import { fill, h } from './dom.js'

/**
 * A crowd as dots, one for each reader: those who were answered, those who failed, and as many in the origin's colour as loads reached
 * it. The numbers beside it say the same in words.
 */
export function createDots() {
  const element = h('div', { class: 'dots', 'aria-hidden': 'true' })
  return {
    element,
    /** @param {number} readers */
    reset(readers) {
      element.classList.toggle('many', readers > 250)
      fill(element, ...Array.from({ length: readers }, () => h('i')))
    },
    /** @param {{ answered: number, failed: number, origin_loads: number }} report */
    show({ answered, failed, origin_loads }) {
      for (const [index, dot] of [...element.children].entries()) {
        const kind = index < origin_loads ? 'load' : index < answered ? 'answered' : index < answered + failed ? 'failed' : ''
        if (dot.className !== kind) dot.className = kind
      }
    },
  }
}
