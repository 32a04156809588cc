// @ts-check
import { siblingPost } from './feed.js'

/** j and k go to the next and the previous post, wherever no text is being written. */
export function startKeyboard() {
  document.addEventListener('keydown', (event) => {
    if ((event.key !== 'j' && event.key !== 'k') || event.ctrlKey || event.metaKey || event.altKey) return
    const { target } = event
    if (!(target instanceof Element) || target.closest('input, textarea, dialog')) return
    const here = target.closest('.post')
    const side = event.key === 'j' ? 'nextElementSibling' : 'previousElementSibling'
    const next = here ? siblingPost(here, side) : firstInView()
    next?.focus()
  })
}

function firstInView() {
  const posts = document.querySelectorAll('section:not([hidden]) .post')
  const first = [...posts].find((post) => post.getBoundingClientRect().bottom > 80)
  return first instanceof HTMLElement ? first : undefined
}
