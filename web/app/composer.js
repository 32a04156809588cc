// @ts-check
import { newKey } from './api.js'
import { avatar } from './avatar.js'
import { byId, fill, h, spoken } from './dom.js'
import { messageOf } from './notice.js'
import { counted } from './words.js'

/** The longest post in Unicode code points, as `contract/post.ts` has it. */
const MAX_TEXT_LENGTH = 2_000
/** From here on the characters that are left are shown. */
const COUNTED_FROM = 1_800

/**
 * Where one writes a post. What could not be sent stays in the field, and its next try carries the same Idempotency-Key: a post whose
 * answer got lost is never posted twice.
 *
 * @param {import('./session.js').Profile} viewer
 * @param {(text: string, key: string) => Promise<void>} send
 */
export function startComposer(viewer, send) {
  const form = byId('composer', HTMLFormElement)
  const field = h('textarea', { id: 'composer-text', rows: 1, placeholder: 'What is new?', 'aria-describedby': 'composer-left' })
  const left = h('span', { id: 'composer-left', class: 'soft', 'aria-live': 'polite' })
  const button = h('button', { class: 'button', type: 'submit' }, 'Post')
  const problem = h('p', { class: 'problem', role: 'alert' })
  let key = newKey()
  let isSending = false

  function update() {
    const length = [...field.value].length
    left.textContent = length < COUNTED_FROM ? '' : `${counted(MAX_TEXT_LENGTH - length)} left`
    button.disabled = isSending || field.value.trim() === '' || length > MAX_TEXT_LENGTH
  }
  function onInput() {
    key = newKey()
    problem.textContent = ''
    update()
  }
  async function onSubmit(/** @type {Event} */ event) {
    event.preventDefault()
    if (button.disabled) return
    isSending = true
    field.readOnly = true
    update()
    try {
      await send(field.value, key)
      field.value = ''
      onInput()
      field.focus()
    } catch (error) {
      problem.textContent = `${messageOf(error)} Your text is still here.`
    } finally {
      isSending = false
      field.readOnly = false
      update()
    }
  }

  field.addEventListener('input', onInput)
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })
  form.onsubmit = onSubmit
  fill(
    form,
    avatar(viewer),
    h(
      'div',
      { class: 'composer-body' },
      h('label', { for: 'composer-text' }, spoken('Write a post')),
      field,
      problem,
      h('div', { class: 'composer-foot' }, left, button),
    ),
  )
  update()
}
