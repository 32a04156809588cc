// @ts-check
import { byId, fill, h, icon } from './dom.js'

/** @typedef {'feed' | 'crowd' | 'requests'} Tab */

/** @type {Readonly<Record<Tab, string>>} */
const NAMES = { feed: 'Feed', crowd: 'Crowd', requests: 'Requests' }

/** On a narrow screen one part of the page is shown at a time. @param {readonly Tab[]} tabs */
export function startTabs(tabs) {
  const nav = byId('tabs', HTMLElement)
  const buttons = tabs.map((tab) => h('button', { type: 'button', 'data-tab': tab, onclick: () => show(tab) }, icon(tab), NAMES[tab]))
  /** Where the feed was left. */
  let feedTop = 0

  /** @param {Tab} tab */
  function show(tab) {
    const before = document.body.dataset.tab
    if (before === tab) return
    if (before === 'feed') feedTop = window.scrollY
    document.body.dataset.tab = tab
    for (const button of buttons) button.setAttribute('aria-current', String(button.dataset.tab === tab))
    window.scrollTo({ top: tab === 'feed' ? feedTop : 0, behavior: 'instant' })
  }
  fill(nav, ...buttons)
  nav.hidden = false
  show('feed')
  return { show }
}
