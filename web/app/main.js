// @ts-check
import { avatar } from './avatar.js'
import { startCrowd } from './crowd.js'
import { demo } from './demo.js'
import { closeButton, openDialog } from './dialog.js'
import { byId, fill, h, icon, spoken } from './dom.js'
import { startKeyboard } from './keyboard.js'
import { messageOf, notify, notifyError } from './notice.js'
import { createPeople } from './people.js'
import { startReading } from './reading.js'
import { startRequestLog } from './request-log.js'
import { session } from './session.js'
import { startTabs } from './tabs.js'
import { startTheme } from './theme.js'
import { showTokenForm } from './token-form.js'
import { openWaterfall } from './waterfall.js'

/** @typedef {import('./session.js').Session} Session */

const welcome = byId('welcome', HTMLElement)
const readerButton = byId('reader', HTMLButtonElement)
const peopleDialog = byId('people', HTMLDialogElement)
const panels = byId('panels', HTMLElement)

/** @type {import('./reading.js').Reading | undefined} */
let reading
let isDemo = false
/** @type {ReturnType<typeof startCrowd> | undefined} */
let crowd
/** @type {ReturnType<typeof startTabs> | undefined} */
let tabs

const log = startRequestLog(openWaterfall)
const people = createPeople({ id: 'people-search', onChoose: choose, following: () => reading })

/** @param {Session} current */
function read(current) {
  reading?.stop()
  session.store(current)
  log.clear()
  people.clear()
  crowd?.reset()
  tabs?.show('feed')
  if (location.hash) history.replaceState(null, '', location.pathname)
  begin(current)
}

/** @param {Session} current */
function begin(current) {
  welcome.hidden = true
  fill(welcome)
  panels.hidden = false
  readerButton.hidden = false
  fill(readerButton, avatar(current.viewer), spoken('Reading as '), h('span', { class: 'chip-name' }, current.viewer.name), icon('down'))
  tabs ??= startTabs(isDemo ? ['feed', 'crowd', 'requests'] : ['feed', 'requests'])
  byId('home', HTMLElement).hidden = false
  reading = startReading({
    current,
    isDemo,
    onTrace: log.add,
    openTrace: openWaterfall,
    onCrowd: crowd && pickForCrowd,
    onRefused: leave,
    onNewest: () => crowd?.showTarget(),
  })
}

/** The token is no longer good: somebody has to be chosen again. */
function leave() {
  reading?.stop()
  reading = undefined
  session.store(undefined)
  peopleDialog.close()
  tabs?.show('feed')
  for (const id of ['home', 'author', 'reader', 'panels']) byId(id, HTMLElement).hidden = true
  notify('This token is no longer good. Please choose again.')
  askWhoReads()
}

/** @param {import('./demo.js').Reader} reader */
async function choose(reader) {
  try {
    const current = await demo.sessionOf(reader)
    peopleDialog.close()
    read(current)
    byId('main', HTMLElement).focus({ preventScroll: true })
  } catch (error) {
    notifyError(error)
  }
}

/** @param {import('./scroll.js').Post} post */
function pickForCrowd(post) {
  tabs?.show('crowd')
  crowd?.pick(post)
}

function askWhoReads() {
  welcome.hidden = false
  if (!isDemo) return showTokenForm(welcome, read)
  const choices = createPeople({ id: 'welcome-search', onChoose: choose, following: () => undefined })
  fill(
    welcome,
    h('h1', {}, 'Whose feed will you read?'),
    h(
      'p',
      { class: 'soft' },
      'These people live in the demo graph on this machine. Choose one, scroll, post, and watch which layer answers each request: the memory of an isolate, the shared cache, or the origin.',
    ),
    choices.element,
  )
  choices.refresh()
}

function openPeople() {
  if (!isDemo) return leaveByChoice()
  fill(
    peopleDialog,
    h('div', { class: 'sheet-head' }, h('h2', { id: 'people-title' }, 'Read as somebody else'), closeButton(peopleDialog)),
    people.element,
  )
  people.refresh()
  openDialog(peopleDialog)
  people.focus()
}

/** Without people to choose from, the reader's button forgets the token. */
function leaveByChoice() {
  leave()
  notify('Your token is forgotten.')
}

async function start() {
  startTheme()
  startKeyboard()
  history.scrollRestoration = 'manual'
  readerButton.addEventListener('click', openPeople)
  byId('skip', HTMLElement).addEventListener('click', (event) => {
    event.preventDefault() // the address says which view is shown
    byId('main', HTMLElement).focus()
  })
  try {
    isDemo = await demo.isOffered()
  } catch (error) {
    fill(
      welcome,
      h('h1', {}, 'Nobody answers'),
      h('p', { class: 'soft' }, messageOf(error)),
      h('button', { class: 'button', type: 'button', onclick: () => location.reload() }, 'Try again'),
    )
    welcome.hidden = false
    return
  }
  if (isDemo) crowd = startCrowd(() => reading?.newest())
  else byId('crowd', HTMLElement).hidden = true
  const stored = session.stored()
  if (stored) begin(stored)
  else askWhoReads()
}

await start()
