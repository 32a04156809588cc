// @ts-check
import { avatar } from './avatar.js'
import { demo } from './demo.js'
import { fill, h, spoken } from './dom.js'
import { followButton } from './follow-button.js'
import { messageOf } from './notice.js'
import { counted, plural } from './words.js'

/** @typedef {import('./demo.js').Reader} Reader */
/** @typedef {{ relations: import('./relations.js').Relations, toggleFollow: (id: string) => void }} Following */

/** A search is sent when nothing was typed for so long (milliseconds). */
const TYPING_PAUSE_MS = 120

/**
 * The people of the demo graph, searchable: read as one of them, follow them.
 *
 * @param {object} options
 * @param {string} options.id of the search field; there may be two such lists
 * @param {(reader: Reader) => void} options.onChoose
 * @param {() => Following | undefined} options.following undefined while nobody reads
 */
export function createPeople({ id, onChoose, following }) {
  const list = h('ul', { class: 'people' })
  const status = h('p', { class: 'soft spoken', role: 'status' })
  const field = h('input', { id, class: 'field', type: 'search', placeholder: 'Search by handle', autocomplete: 'off', oninput: onInput })
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  let search = new AbortController()

  function onInput() {
    clearTimeout(timer)
    timer = setTimeout(refresh, TYPING_PAUSE_MS)
  }

  async function refresh() {
    search.abort()
    search = new AbortController()
    const { signal } = search
    const askedAtMs = performance.now()
    try {
      const readers = await demo.readers(field.value.trim(), following()?.relations.viewer.id, signal)
      fill(list, ...readers.map((reader) => row(reader, askedAtMs)))
      status.classList.toggle('spoken', readers.length > 0)
      status.textContent = readers.length === 0 ? 'Nobody is called that.' : plural(readers.length, 'person', 'people')
    } catch (error) {
      if (signal.aborted) return
      status.classList.remove('spoken')
      status.textContent = messageOf(error)
    }
  }

  /** @param {Reader} reader @param {number} askedAtMs */
  function row(reader, askedAtMs) {
    const mine = following()
    const isViewer = mine?.relations.viewer.id === reader.id
    if (mine && !isViewer) mine.relations.learnFollows(reader.id, reader.followed, askedAtMs)
    return h(
      'li',
      { class: 'person' },
      h(
        'button',
        { class: 'person-choose', type: 'button', 'aria-current': isViewer ? 'true' : undefined, onclick: () => onChoose(reader) },
        avatar(reader),
        h(
          'span',
          { class: 'person-words' },
          spoken('Read as '),
          h('strong', {}, reader.name),
          h('span', { class: 'handle' }, `@${reader.handle}`),
          h(
            'span',
            { class: 'soft' },
            `${plural(reader.followers, 'follower')}, follows ${counted(reader.following)}`,
            reader.crowded && h('span', { class: 'tag' }, 'crowded'),
          ),
        ),
      ),
      mine && !isViewer && followButton(reader, mine.relations, mine.toggleFollow),
    )
  }

  return {
    element: h('div', { class: 'people-box' }, h('label', { for: id }, spoken('Search people')), field, status, list),
    refresh,
    /** Another reader follows others. */
    clear() {
      clearTimeout(timer)
      search.abort()
      fill(list)
    },
    focus: () => field.focus(),
  }
}
