// @ts-check
import { byId } from '../app/dom.js'

/** Shows only what holds every word that is typed; "/" leads to the field, Escape empties it. */
export function startFilter() {
  const field = byId('filter', HTMLInputElement)
  const told = byId('found', HTMLElement)
  const cards = [...document.querySelectorAll('article')]

  function filter() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean)
    for (const card of cards) card.hidden = !words.every((word) => card.dataset.words?.includes(word))
    const shown = new Set(cards.filter((card) => !card.hidden).map(({ id }) => id))
    for (const entry of document.querySelectorAll('#contents li')) {
      if (entry instanceof HTMLElement) entry.hidden = !shown.has(entry.dataset.for ?? '')
    }
    for (const part of document.querySelectorAll('#contents .group, section.filtered')) {
      part.toggleAttribute('hidden', !part.querySelector('li[data-for]:not([hidden]), article:not([hidden])'))
    }
    for (const introduction of ['about', 'tokens']) byId(introduction, HTMLElement).hidden = words.length > 0
    told.textContent = words.length > 0 ? `${shown.size} of ${cards.length}` : ''
  }

  field.addEventListener('input', filter)
  field.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape') return
    field.value = ''
    filter()
  })
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.target instanceof HTMLInputElement) return
    event.preventDefault()
    field.focus()
  })
  // A link to what is filtered away leads there all the same.
  addEventListener('hashchange', () => {
    const target = document.getElementById(location.hash.slice(1))
    if (!target?.hidden) return
    field.value = ''
    filter()
    target.scrollIntoView()
  })
}
