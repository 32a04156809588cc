// @ts-check
import { avatar } from './avatar.js'
import { fill, h, icon, spoken } from './dom.js'
import { ago, plural } from './words.js'

/** @typedef {import('../../contract/post.ts').Post} Post */
/** @typedef {import('./relations.js').Relations} Relations */
/**
 * @typedef {object} CardActions
 * @property {(post: Post) => void} repost
 * @property {(post: Post) => void} remove
 * @property {((post: Post) => void) | undefined} crowd undefined outside of a development stack
 */
/** @typedef {{ post: Post, element: HTMLLIElement, update: () => void, tick: (nowMs: number) => void }} Card */

/** Where the page shows a person. @param {string} id */
export const authorPath = (id) => `#/u/${id}`

const exact = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' })

/** How often a post was liked and reposted, when it was read. @param {NonNullable<Post['counts']>} counts */
const countsText = ({ likes, reposts }) =>
  [likes > 0 && plural(likes, 'like'), reposts > 0 && plural(reposts, 'repost')].filter((text) => text !== false).join(', ')

/**
 * One line of a feed.
 *
 * @param {Post} post
 * @param {Relations} relations
 * @param {CardActions} actions
 * @returns {Card}
 */
export function createCard(post, relations, actions) {
  const { author, reposted_by, reposters, counts, activity_id } = post
  const nameId = `by-${activity_id}`
  const link = (/** @type {Post['author']} */ person, /** @type {string} */ name) =>
    h('a', { class: 'name', href: authorPath(person.id) }, name)
  const time = h('time', { datetime: post.created_at, title: exact.format(new Date(post.created_at)) })
  const repost = h('button', { class: 'action', type: 'button', onclick: () => actions.repost(post) })
  const { crowd } = actions

  const element = h(
    'li',
    { class: 'post', tabindex: -1, 'data-post': post.id, 'data-activity': activity_id },
    h(
      'article',
      { 'aria-labelledby': nameId },
      reposted_by &&
        h(
          'p',
          { class: 'reposted' },
          icon('repost'),
          link(reposted_by, reposted_by.id === relations.viewer.id ? 'You' : reposted_by.name),
          reposters ? ` and ${plural(reposters.count - 1, 'other')} reposted` : ' reposted',
        ),
      h(
        'div',
        { class: 'post-row' },
        avatar(author),
        h(
          'div',
          { class: 'post-body' },
          h(
            'p',
            { class: 'byline', id: nameId },
            link(author, author.name),
            h('span', { class: 'handle' }, `@${author.handle}`),
            post.audience === 'followers' &&
              h('span', { class: 'lock', title: 'Only followers see this' }, icon('lock'), spoken('for followers')),
            time,
          ),
          h('p', { class: 'text' }, post.text),
          h(
            'div',
            { class: 'actions' },
            repost,
            counts && counts.likes + counts.reposts > 0 && h('span', { class: 'counts' }, countsText(counts)),
            crowd &&
              h(
                'button',
                { class: 'action', type: 'button', onclick: () => crowd(post) },
                icon('crowd'),
                'Crowd',
                spoken(` the post of ${author.name}`),
              ),
            author.id === relations.viewer.id &&
              h(
                'button',
                { class: 'action danger', type: 'button', onclick: () => actions.remove(post) },
                icon('bin'),
                'Delete',
                spoken(' your post'),
              ),
          ),
        ),
      ),
    ),
  )

  function update() {
    const done = relations.hasReposted(post.id)
    repost.setAttribute('aria-pressed', String(done))
    fill(repost, icon('repost'), done ? 'Reposted' : 'Repost', spoken(` the post of ${author.name}`))
  }
  function tick(/** @type {number} */ nowMs) {
    const text = ago(post.created_at, nowMs)
    if (time.textContent !== text) time.textContent = text
  }
  update()
  tick(Date.now())
  return { post, element, update, tick }
}
