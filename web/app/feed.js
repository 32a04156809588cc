// @ts-check
import { ApiError } from './api.js'
import { createBadge } from './badge.js'
import { fill, h } from './dom.js'
import { messageOf } from './notice.js'
import { keepPlace, skipOutOfView } from './place.js'
import { createCard } from './post-card.js'
import { createScroll } from './scroll.js'
import { plural } from './words.js'

/** @typedef {import('../../contract/post.ts').Post} Post */
/** @typedef {import('./trace.js').Trace} Trace */
/** @typedef {ReturnType<typeof createFeed>} Feed */

/** The next page is asked for when its place is that near to the view. */
const AHEAD_PX = 1_500

/**
 * A feed on the page: pages that follow one another as one scrolls, lines that come above when they are asked for, lines that go. None
 * of it moves what the reader looks at.
 *
 * @param {object} options
 * @param {Element} options.root
 * @param {import('./api.js').Api} options.api
 * @param {string} options.path
 * @param {import('./relations.js').Relations} options.relations
 * @param {import('./post-card.js').CardActions} options.actions
 * @param {(trace: Trace) => void} options.openTrace
 * @param {string} options.emptyText
 * @param {(posts: readonly Post[], source: import('../../contract/post.ts').Page['source']) => void} options.learn told each page that was read
 * @param {(trace: Trace) => void} options.onTop told each read of the first page
 * @param {() => void} options.onGap something came above what is shown
 * @param {() => number} options.viewTop where the view begins, in pixels from the top of the window
 */
export function createFeed({ root, api, path, relations, actions, openTrace, emptyText, learn, onTop, onGap, viewTop }) {
  const list = h('ol', { class: 'posts' })
  const tail = h('div', { class: 'tail', role: 'status' })
  /** @type {Map<string, import('./post-card.js').Card>} by activity */
  const cards = new Map()
  const newScroll = () => createScroll({ api, path, learn })
  let scroll = newScroll()
  let isLoading = false
  let pages = 0
  /** Looks above go one after the other. */
  let looking = Promise.resolve()

  // A busy page gets several changes at once.
  const onNear = (/** @type {IntersectionObserverEntry[]} */ changes) => changes.some(({ isIntersecting }) => isIntersecting) && loadNext()
  const observer = new IntersectionObserver(onNear, { rootMargin: `${AHEAD_PX}px 0px` })
  fill(root, list, tail)

  async function loadNext() {
    if (isLoading || scroll.hasEnded()) return
    isLoading = true
    const from = scroll
    say('Reading …')
    try {
      const { added, gap, trace } = await from.next()
      if (from !== scroll) return
      pages++
      if (pages === 1) onTop(trace)
      else list.append(h('li', { class: 'page-mark' }, h('span', {}, `Page ${pages}`), createBadge(trace, openTrace)))
      place(added)
      if (gap) onGap()
      if (scroll.hasEnded()) say(scroll.lines().length === 0 ? emptyText : `That is all: ${plural(scroll.lines().length, 'post')}.`)
      else say('')
      watch()
    } catch (error) {
      if (from !== scroll) return
      observer.disconnect()
      const isRefused = error instanceof ApiError && (error.status === 403 || error.status === 404)
      say(messageOf(error), isRefused ? undefined : h('button', { class: 'button', type: 'button', onclick: loadNext }, 'Try again'))
    } finally {
      if (from === scroll) isLoading = false
    }
  }

  /** @param {string} text @param {HTMLElement} [button] */
  const say = (text, button) => fill(tail, text && h('p', {}, text), button)

  /** Is the top of the list above the view? */
  const isDeep = () => list.getBoundingClientRect().top < viewTop() - 1

  /** Looks again whether the end is near: an observer only tells changes. */
  function watch() {
    observer.disconnect()
    if (!scroll.hasEnded()) observer.observe(tail)
  }

  /** Puts new lines on the page, where the scroll has them. @param {readonly Post[]} posts */
  function place(posts) {
    const order = scroll.lines()
    const made = posts.map((post) => createCard(post, relations, actions))
    for (const card of made.toReversed()) {
      const below = order[order.indexOf(card.post) + 1]
      list.insertBefore(card.element, (below && cards.get(below.activity_id)?.element) ?? null)
      cards.set(card.post.activity_id, card)
    }
    skipOutOfView(made.map(({ element }) => element))
  }

  /** @param {readonly string[]} activities */
  function takeOff(activities) {
    if (activities.length === 0) return
    keepPlace(list, viewTop(), () => {
      for (const id of activities) {
        const element = cards.get(id)?.element
        if (element?.contains(document.activeElement)) focusNextTo(element)
        element?.remove()
        cards.delete(id)
      }
    })
    if (scroll.hasEnded() && scroll.lines().length === 0) say(emptyText)
  }

  /** @param {Element} element */
  function focusNextTo(element) {
    const next = siblingPost(element, 'nextElementSibling') ?? siblingPost(element, 'previousElementSibling')
    next?.focus({ preventScroll: true })
  }

  return {
    list,
    waiting: () => scroll.waiting(),
    isCutOff: () => scroll.isCutOff(),
    hasBegun: () => scroll.hasBegun(),
    newest: () => scroll.lines()[0],
    loadNext,
    isDeep,

    /** Looks for what came and went since. */
    lookAbove() {
      const look = async () => {
        const from = scroll
        if (!from.hasBegun()) return
        const { trace, gone } = await from.lookAbove()
        if (from !== scroll) return
        onTop(trace)
        takeOff(gone)
      }
      const looked = looking.then(look)
      looking = looked.catch(() => {})
      return looked
    },

    /**
     * Shows waiting lines. Whoever reads further down keeps their place; at the top they come into view.
     *
     * @param {(post: Post) => boolean} [which]
     */
    showWaiting(which) {
      const taken = scroll.take(which)
      const put = () => place(taken)
      if (isDeep()) keepPlace(list, viewTop(), put)
      else put()
      return taken.map(({ activity_id }) => cards.get(activity_id)?.element)
    },

    /** @param {(post: Post) => boolean} which */
    remove(which) {
      takeOff(scroll.drop(which).map(({ activity_id }) => activity_id))
    },

    /** Begins anew from the top. */
    async restart() {
      scroll = newScroll()
      isLoading = false
      pages = 0
      cards.clear()
      fill(list)
      window.scrollTo({ top: 0, behavior: 'instant' })
      await loadNext()
    },

    /** Shows a relation that changed. @param {string} id of a user or a post */
    update(id) {
      for (const card of cards.values()) if (card.post.id === id) card.update()
    },
    /** @param {number} nowMs */
    tick(nowMs) {
      for (const card of cards.values()) card.tick(nowMs)
    },
    stop() {
      observer.disconnect()
      scroll = newScroll()
      fill(root)
    },
  }
}

/**
 * @param {Element} from
 * @param {'nextElementSibling' | 'previousElementSibling'} side
 */
export function siblingPost(from, side) {
  let at = from[side]
  while (at && !at.matches('.post')) at = at[side]
  return at instanceof HTMLElement ? at : undefined
}
