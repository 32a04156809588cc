// @ts-check
import { createApi } from './api.js'
import { showAuthor } from './author-view.js'
import { badgeIn } from './badge.js'
import { startComposer } from './composer.js'
import { confirmed } from './dialog.js'
import { byId, fill } from './dom.js'
import { createFeed } from './feed.js'
import { notify, notifyError } from './notice.js'
import { startPill } from './pill.js'
import { createRelations } from './relations.js'
import { session } from './session.js'
import { degradedText } from './words.js'
import { createWrites } from './writes.js'

/** @typedef {import('./trace.js').Trace} Trace */
/** @typedef {import('./feed.js').Feed} Feed */
/** @typedef {ReturnType<typeof startReading>} Reading */

/** How often the page looks for new posts while it is in view (milliseconds). */
const POLL_MS = 4_000
const TICK_MS = 30_000

/**
 * One reader's visit: the feed, an author's page over it, the composer, the pill, and the writes.
 *
 * @param {object} options
 * @param {import('./session.js').Session} options.current
 * @param {boolean} options.isDemo
 * @param {(trace: Trace) => void} options.onTrace
 * @param {(trace: Trace) => void} options.openTrace
 * @param {((post: import('./scroll.js').Post) => void) | undefined} options.onCrowd
 * @param {() => void} options.onRefused the token is no longer good
 * @param {() => void} options.onNewest the newest post on the page may be another one
 */
export function startReading({ current, isDemo, onTrace, openTrace, onCrowd, onRefused, onNewest }) {
  const over = new AbortController()
  const relations = createRelations(current.viewer)
  const home = byId('home', HTMLElement)
  const authorView = byId('author', HTMLElement)
  const banner = byId('banner', HTMLElement)
  const viewTop = () => document.querySelector('.bar')?.getBoundingClientRect().bottom ?? 0
  const showBadge = badgeIn(byId('home-badge', HTMLElement), openTrace)
  /** @type {Feed | undefined} */
  let authorFeed
  /** Where the feed was left for an author's page. */
  let left = { top: 0, focus: /** @type {Element | null} */ (null) }

  const api = createApi({
    token: current.token,
    version: current.version,
    onVersion(version) {
      if (!over.signal.aborted) session.store({ ...current, version })
    },
    onTrace(trace) {
      if (over.signal.aborted) return
      onTrace(trace)
      if (trace.status === 401) onRefused()
    },
  })
  const writes = createWrites({ api, relations, onError: notifyError })
  const actions = {
    repost: writes.toggleRepost,
    crowd: onCrowd,
    /** @param {import('./scroll.js').Post} post */
    async remove(post) {
      if (!(await confirmed('Delete this post?', 'It disappears from every feed. This cannot be undone.', 'Delete'))) return
      try {
        await writes.remove(post)
        for (const feed of [feedOfHome, authorFeed]) feed?.remove(({ id }) => id === post.id)
        onNewest()
        notify('Your post is deleted.')
      } catch (error) {
        notifyError(error)
      }
    },
  }

  const feedOfHome = createFeed({
    root: byId('home-feed', HTMLElement),
    api,
    path: '/v1/feed/following',
    relations,
    actions,
    openTrace,
    viewTop,
    emptyText: 'Nothing here yet: follow somebody, or post.',
    learn: (posts, source) => relations.learn(posts, source === 'following'), // of what is popular nobody is followed
    onTop(trace) {
      showBadge(trace)
      banner.hidden = trace.degraded.length === 0
      banner.textContent = degradedText(trace.degraded)
      onNewest()
    },
    onGap,
  })
  const pill = startPill(onPill)

  /** @param {import('./pill.js').PillState} state */
  async function onPill(state) {
    if (state.kind === 'gap' || (state.kind === 'new' && feedOfHome.isCutOff())) {
      pill.show({ kind: 'none' })
      await feedOfHome.restart()
      feedOfHome.list.querySelector('li')?.focus({ preventScroll: true })
    } else if (state.kind === 'new') {
      const isDeep = feedOfHome.isDeep()
      const [first] = feedOfHome.showWaiting()
      pill.show({ kind: isDeep ? 'top' : 'none' })
      if (!isDeep) first?.focus({ preventScroll: true })
      onNewest()
    } else {
      pill.show({ kind: 'none' })
      window.scrollTo({ top: 0 })
      feedOfHome.list.querySelector('li')?.focus({ preventScroll: true })
    }
  }
  /** Own reposts are no news to their reader. */
  function showPill() {
    const news = feedOfHome.waiting().filter(({ reposted_by }) => reposted_by?.id !== current.viewer.id)
    if (news.length > 0) pill.show({ kind: 'new', count: news.length, isMore: feedOfHome.isCutOff() })
    else if (pill.state().kind === 'new') pill.show({ kind: 'none' })
  }

  /** A look above mostly finds what made the gap; what lies deeper only a new scroll shows. */
  async function onGap() {
    await poll()
    if (pill.state().kind === 'none') pill.show({ kind: 'gap' })
  }

  /** A server that hangs must not gather a queue of looks that a post would wait behind. */
  let isPolling = false

  async function poll() {
    if (isPolling || document.visibilityState !== 'visible' || home.hidden) return
    isPolling = true
    await feedOfHome.lookAbove().catch(() => {}) // the log shows it, and the next look tries again
    isPolling = false
    if (!over.signal.aborted) showPill()
  }

  /** @param {string} text @param {string} key */
  async function send(text, key) {
    const id = await writes.post(text, key)
    try {
      await feedOfHome.lookAbove()
      feedOfHome.showWaiting((post) => post.id === id)
      onNewest()
      showPill()
    } catch {
      notify('Posted. Your feed could not be read again just now.')
    }
  }

  function tick() {
    for (const feed of [feedOfHome, authorFeed]) feed?.tick(Date.now())
  }

  /** Shows what the address names: the feed, or an author over it. */
  function route() {
    const [, authorId] = /^#\/u\/(\d{19})$/.exec(location.hash) ?? []
    if (!authorId && !/^(#\/?)?$/.test(location.hash)) return
    if (authorId && !home.hidden) left = { top: window.scrollY, focus: document.activeElement }
    authorFeed?.stop()
    authorFeed = undefined
    home.hidden = authorId !== undefined
    authorView.hidden = !authorId
    if (authorId) {
      authorFeed = showAuthor({ id: authorId, api, relations, actions, toggleFollow: writes.toggleFollow, openTrace, viewTop, isDemo })
      window.scrollTo({ top: 0, behavior: 'instant' })
    } else {
      fill(authorView)
      window.scrollTo({ top: left.top, behavior: 'instant' })
      if (left.focus instanceof HTMLElement) left.focus.focus({ preventScroll: true })
      if (feedOfHome.hasBegun()) poll()
      else feedOfHome.loadNext()
    }
  }

  relations.onChange((id) => {
    feedOfHome.update(id)
    authorFeed?.update(id)
  })
  startComposer(current.viewer, send)
  const { signal } = over
  window.addEventListener('hashchange', route, { signal })
  document.addEventListener('visibilitychange', poll, { signal })
  window.addEventListener('scroll', () => pill.state().kind === 'top' && !feedOfHome.isDeep() && pill.show({ kind: 'none' }), {
    passive: true,
    signal,
  })
  const polling = setInterval(poll, POLL_MS)
  const ticking = setInterval(tick, TICK_MS)
  pill.show({ kind: 'none' })
  banner.hidden = true
  route()
  writes.learnOwn()

  return {
    relations,
    toggleFollow: writes.toggleFollow,
    newest: () => feedOfHome.newest(),
    stop() {
      over.abort()
      clearInterval(polling)
      clearInterval(ticking)
      pill.show({ kind: 'none' })
      feedOfHome.stop()
      authorFeed?.stop()
    },
  }
}
