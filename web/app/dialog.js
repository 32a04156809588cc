// @ts-check
import { byId, fill, h, icon, spoken } from './dom.js'

/**
 * Opens a dialog over the page; the browser keeps the focus inside and gives it back. A click beside it closes it.
 *
 * @param {HTMLDialogElement} dialog
 */
export function openDialog(dialog) {
  if (dialog.open) return
  dialog.onclick = (event) => {
    if (event.target === dialog) dialog.close()
  }
  dialog.showModal()
}

/** @param {HTMLDialogElement} dialog */
export const closeButton = (dialog) =>
  h('button', { class: 'icon-button', type: 'button', onclick: () => dialog.close() }, icon('close'), spoken('Close'))

/**
 * Asks before something that cannot be undone.
 *
 * @param {string} question
 * @param {string} detail
 * @param {string} yes what the button says
 * @returns {Promise<boolean>}
 */
export function confirmed(question, detail, yes) {
  const dialog = byId('confirm', HTMLDialogElement)
  fill(
    dialog,
    h('h2', { id: 'confirm-title' }, question),
    h('p', { class: 'soft' }, detail),
    h(
      'form',
      { method: 'dialog', class: 'buttons' },
      h('button', { class: 'button quiet', value: '', autofocus: true }, 'Keep it'),
      h('button', { class: 'button danger', value: 'yes' }, yes),
    ),
  )
  dialog.returnValue = ''
  openDialog(dialog)
  return new Promise((resolve) => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }))
}
