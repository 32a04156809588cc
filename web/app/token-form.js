// @ts-check
import { fill, h } from './dom.js'
import { subjectOf } from './session.js'

/** @typedef {import('./session.js').Session} Session */

/**
 * Asks for a bearer token, where nobody can be chosen.
 *
 * @param {Element} place
 * @param {(session: Session) => void} onSession
 */
export function showTokenForm(place, onSession) {
  const field = h('input', { id: 'token', class: 'field', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true })
  const problem = h('p', { class: 'problem', role: 'alert' })

  function onSubmit(/** @type {Event} */ event) {
    event.preventDefault()
    const token = field.value.trim()
    const id = subjectOf(token)
    if (id) onSession({ token, viewer: { id, handle: id, name: 'You' } })
    else problem.textContent = 'That is no bearer token of a user: it should be a JWT whose subject (sub) is an id of 19 digits.'
  }
  fill(
    place,
    h('h1', {}, 'Read your feed'),
    h('p', { class: 'soft' }, 'Paste a bearer token that your product issued. It stays in this tab and is forgotten when you close it.'),
    h(
      'form',
      { class: 'token-form card', onsubmit: onSubmit },
      h('label', { for: 'token' }, 'Bearer token'),
      field,
      problem,
      h('button', { class: 'button', type: 'submit' }, 'Read'),
    ),
  )
}
