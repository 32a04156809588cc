// @ts-check
import { avatar } from './avatar.js'
import { badgeIn } from './badge.js'
import { demo } from './demo.js'
import { byId, fill, h, icon } from './dom.js'
import { createFeed } from './feed.js'
import { followButton } from './follow-button.js'
import { counted, plural } from './words.js'

/** @typedef {import('./feed.js').Feed} Feed */

/**
 * What one author posted and reposted.
 *
 * @param {object} options
 * @param {string} options.id
 * @param {import('./api.js').Api} options.api
 * @param {import('./relations.js').Relations} options.relations
 * @param {import('./post-card.js').CardActions} options.actions
 * @param {(id: string) => void} options.toggleFollow
 * @param {(trace: import('./trace.js').Trace) => void} options.openTrace
 * @param {() => number} options.viewTop
 * @param {boolean} options.isDemo
 * @returns {Feed}
 */
export function showAuthor({ id, api, relations, actions, toggleFollow, openTrace, viewTop, isDemo }) {
  const view = byId('author', HTMLElement)
  const title = h('h1', { id: 'author-title', tabindex: -1 })
  const handle = h('p', { class: 'handle' })
  const figures = h('p', { class: 'soft' })
  const face = h('span')
  const follow = h('span')
  const badge = h('span')
  const posts = h('div')
  fill(
    view,
    h('div', { class: 'view-head' }, h('a', { class: 'button quiet', href: '#/' }, icon('back'), 'Back to the feed'), badge),
    h('div', { class: 'author card' }, face, h('div', { class: 'author-words' }, title, handle, figures), follow),
    posts,
  )

  function showProfile() {
    const person = relations.profile(id)
    title.textContent = person?.name ?? 'Posts of one person'
    handle.textContent = person ? `@${person.handle}` : ''
    if (!person) return
    fill(face, avatar(person))
    if (id !== relations.viewer.id && !follow.hasChildNodes()) fill(follow, followButton(person, relations, toggleFollow))
  }
  /** Counts, and whether the viewer follows: only a development stack tells. */
  async function showFigures() {
    const askedAtMs = performance.now()
    const [reader] = await demo.readers(id, relations.viewer.id)
    if (!reader) return
    relations.learnFollows(id, reader.followed, askedAtMs)
    fill(
      figures,
      `follows ${counted(reader.following)}, ${plural(reader.followers, 'follower')}`,
      reader.crowded && h('span', { class: 'tag' }, 'crowded'),
    )
  }

  const feed = createFeed({
    root: posts,
    api,
    path: `/v1/users/${id}/posts`,
    relations,
    actions,
    openTrace,
    viewTop,
    emptyText: 'Nothing was posted yet.',
    learn(page) {
      relations.learn(page, false)
      showProfile()
    },
    onTop: badgeIn(badge, openTrace),
    onGap: () => {},
  })
  showProfile()
  if (isDemo) showFigures().catch(() => {}) // a nicety: the posts are there without it
  feed.loadNext()
  title.focus({ preventScroll: true })
  return feed
}
