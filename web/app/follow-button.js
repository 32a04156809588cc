// @ts-check
import { fill, h, spoken } from './dom.js'

/** @typedef {import('./relations.js').Relations} Relations */

/**
 * Follows somebody, or no longer. It shows at once what was asked for; `toggle` sets it back where that fails.
 *
 * @param {{ id: string, name: string }} person
 * @param {Relations} relations
 * @param {(id: string) => void} toggle
 */
export function followButton({ id, name }, relations, toggle) {
  const button = h('button', { class: 'button follow', type: 'button', onclick: () => toggle(id) })
  function update() {
    const follows = relations.follows(id)
    button.setAttribute('aria-pressed', String(follows))
    fill(button, follows ? 'Following' : 'Follow', spoken(` ${name}`))
  }
  relations.onChange((changed) => changed === id && update())
  update()
  return button
}
