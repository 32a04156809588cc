// @ts-check
import { byId } from './dom.js'

const SHOWN_MS = 6_000
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer

/** Says something for a while, to the eye and to a screen reader. @param {string} text */
export function notify(text) {
  const place = byId('notice', HTMLElement)
  place.textContent = text
  place.classList.add('shown')
  clearTimeout(timer)
  timer = setTimeout(() => {
    place.classList.remove('shown')
    place.textContent = ''
  }, SHOWN_MS)
}

/** @param {unknown} error */
export const notifyError = (error) => notify(messageOf(error))

/** @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : 'Something went wrong.')
