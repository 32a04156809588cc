// @ts-check
import { createDots } from './crowd-dots.js'
import { demo } from './demo.js'
import { byId, fill, h } from './dom.js'
import { messageOf } from './notice.js'
import { counted, duration, plural } from './words.js'

/** @typedef {import('../../contract/post.ts').Post} Post */
/** @typedef {import('./demo.js').CrowdLine} CrowdLine */
/** @typedef {{ report: Extract<CrowdLine, { done: true }>, isProtected: boolean }} Run */

const MOST_READERS = 500
const USUAL_READERS = 200
/** @type {CrowdLine} */
const NOTHING_YET = { readers: 0, answered: 0, failed: 0, origin_loads: 0, elapsed_ms: 0, done: false }
/** Runs that stay to be compared. */
const KEPT = 4

/**
 * Sends a crowd at one post and shows how much of it the origin feels, with and without protection. Of a development stack only.
 *
 * @param {() => Post | undefined} newest what is crowded unless a post was picked
 */
export function startCrowd(newest) {
  const panel = byId('crowd', HTMLElement)
  /** @type {Post | undefined} */
  let picked
  let isRunning = false
  /** @type {Run[]} */
  let runs = []

  const target = h('blockquote', { class: 'crowd-post' })
  const readers = h('input', {
    id: 'crowd-readers',
    class: 'field',
    type: 'number',
    min: 1,
    max: MOST_READERS,
    value: USUAL_READERS,
    required: true,
  })
  const protection = h('input', { id: 'crowd-protected', type: 'checkbox', role: 'switch', checked: true })
  const button = h('button', { class: 'button', type: 'submit' }, 'Send the crowd')
  const problem = h('p', { class: 'problem', role: 'alert' })
  const dots = createDots()
  const numbers = h('dl', { class: 'crowd-numbers' })
  const told = h('p', { class: 'spoken', role: 'status' })
  const compared = h('div', { class: 'runs' })
  const live = h('div', { class: 'crowd-live', hidden: true }, numbers, dots.element)

  fill(
    panel,
    h('div', { class: 'panel-head' }, h('h2', { id: 'crowd-title' }, 'Crowd'), h('span', { class: 'soft' }, 'development only')),
    h('p', { class: 'soft' }, 'Many readers ask at once for a post that no cache has. How many does the origin feel?'),
    target,
    h(
      'form',
      { class: 'crowd-form', onsubmit: onSubmit },
      h('label', { for: 'crowd-readers' }, 'Readers'),
      readers,
      h('label', { class: 'switch', for: 'crowd-protected' }, protection, h('span', { class: 'track' }), 'Protection'),
      button,
    ),
    problem,
    live,
    told,
    compared,
  )

  function showTarget() {
    const post = picked ?? newest()
    fill(target, ...(post ? [h('strong', {}, post.author.name), h('span', {}, post.text)] : ['Pick a post.']))
    button.disabled = isRunning || post === undefined
  }

  async function onSubmit(/** @type {Event} */ event) {
    event.preventDefault()
    const post = picked ?? newest()
    if (!post || button.disabled) return
    const count = readers.valueAsNumber
    const isProtected = protection.checked
    isRunning = true
    showTarget()
    problem.textContent = ''
    live.hidden = false
    dots.reset(count)
    show({ ...NOTHING_YET, readers: count })
    try {
      /** @type {CrowdLine[]} */
      const lines = []
      await demo.crowd({ post_id: post.id, readers: count, protected: isProtected }, (report) => {
        lines.push(report)
        show(report)
      })
      const last = lines.at(-1)
      if (!last?.done) throw new Error('The crowd broke off before its end.')
      runs = [{ report: last, isProtected }, ...runs].slice(0, KEPT)
      told.textContent = `${plural(last.answered, 'reader')} answered, ${plural(last.origin_loads, 'load')} at the origin, protection ${isProtected ? 'on' : 'off'}.`
      fill(compared, h('h3', {}, 'The last runs'), h('ol', {}, ...runs.map(runCard)))
    } catch (error) {
      problem.textContent = messageOf(error)
    } finally {
      isRunning = false
      showTarget()
    }
  }

  /** @param {CrowdLine} report */
  function show(report) {
    dots.show(report)
    const shown = [
      ['answered', 'answered', `${counted(report.answered)} of ${counted(report.readers)}`],
      ['failed', 'failed', counted(report.failed)],
      ['load', 'origin loads', counted(report.origin_loads)],
      ['', 'elapsed', duration(report.elapsed_ms)],
    ]
    fill(
      numbers,
      ...shown.map(([kind = '', name = '', value = '']) => h('div', { 'data-kind': kind }, h('dt', {}, name), h('dd', {}, value))),
    )
  }

  showTarget()
  return {
    showTarget,
    /** Another reader has another newest post. */
    reset() {
      picked = undefined
      showTarget()
    },
    /** @param {Post} post */
    pick(post) {
      picked = post
      showTarget()
      button.focus()
    },
  }
}

/** @param {Run} run */
function runCard({ report, isProtected }) {
  const { readers, origin_loads, failed, p50_ms, p99_ms } = report
  const bar = h('span', { class: 'bar-fill' })
  bar.style.inlineSize = `${Math.min(100, (origin_loads / readers) * 100)}%`
  return h(
    'li',
    { class: 'run', 'data-protected': String(isProtected) },
    h('span', { class: 'run-name' }, `Protection ${isProtected ? 'on' : 'off'}`),
    h('strong', {}, counted(origin_loads)),
    h('span', {}, `${origin_loads === 1 ? 'load' : 'loads'} for ${plural(readers, 'reader')}`),
    h('span', { class: 'bar-track', 'aria-hidden': 'true' }, bar),
    h(
      'span',
      { class: 'soft' },
      p50_ms !== null && p99_ms !== null ? `p50 ${duration(p50_ms)}, p99 ${duration(p99_ms)}` : '',
      failed > 0 && `, ${plural(failed, 'failure')}`,
    ),
  )
}
