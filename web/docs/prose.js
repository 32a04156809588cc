// @ts-check
import { h } from '../app/dom.js'

/**
 * A sentence whose `backticks` become code.
 *
 * @param {string} text
 */
export const prose = (text) => text.split('`').map((part, index) => (index % 2 === 1 ? h('code', {}, part) : part))

/** @param {string} text Paragraphs with an empty line between them. */
export const paragraphs = (text) => text.split('\n\n').map((part) => h('p', {}, ...prose(part)))

/**
 * Text to be copied as it is, with a button for it where the browser allows that.
 *
 * @param {string} label
 * @param {string} text
 */
export function snippet(label, text) {
  const button = h('button', { class: 'copy', type: 'button', 'aria-label': `Copy ${label}`, onclick: copy }, 'Copy')
  async function copy() {
    await navigator.clipboard.writeText(text)
    button.textContent = 'Copied'
    setTimeout(() => (button.textContent = 'Copy'), 1_500)
  }
  const head = h('div', { class: 'snippet-head' }, h('span', {}, label), navigator.clipboard && button)
  return h('div', { class: 'snippet' }, head, h('pre', {}, h('code', {}, text)))
}

/** @param {unknown} value */
export const pretty = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2))
