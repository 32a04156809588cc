// @ts-check
import { byId, fill, h } from '../app/dom.js'
import { startTheme } from '../app/theme.js'
import { operationsOf } from './document.js'
import { startFilter } from './filter.js'
import { linked, methodBadge, operationCard } from './operation.js'
import { paragraphs, pretty, prose, snippet } from './prose.js'
import { aboutValue, fieldsOf, typeOf } from './schema.js'

/** @typedef {import('./document.js').OpenApi} OpenApi */
/** @typedef {import('./document.js').Schema} Schema */

const LOCAL = `USER_TOKEN=$(npm run --silent token -- --user ada.arden)
SERVICE_TOKEN=$(npm run --silent token -- --service)`

/** The page in two lists: what the contents name, and what is read. @param {OpenApi} api */
function parts(api) {
  const operations = operationsOf(api).sort((a, b) => a.path.localeCompare(b.path))
  const groups = api.tags.map(({ name, description }) => ({
    name,
    description,
    operations: operations.filter(({ operation }) => operation.tags.includes(name)),
  }))
  const problems = Object.entries(api.components.examples)
  const schemas = Object.entries(api.components.schemas)
  return {
    contents: [
      ...groups.map(({ name, operations }) =>
        group(name, ...operations.map(({ method, operation }) => entry(operation.operationId, methodBadge(method), operation.summary))),
      ),
      group('Schemas', ...schemas.map(([name]) => entry(`schema-${name}`, name))),
      group('Problems', ...problems.map(([slug, { value }]) => entry(`problem-${slug}`, `${value.status} ${slug}`))),
    ],
    sections: [
      h('section', { id: 'tokens' }, h('h2', {}, 'Tokens'), ...tokens(api)),
      ...groups.map(({ name, description, operations }) =>
        section(name, description, ...operations.map((one) => operationCard(one, api.components))),
      ),
      section(
        'Schemas',
        'What requests and answers are made of.',
        ...schemas.map(([name, one]) => schemaCard(name, one, api.components.schemas)),
      ),
      section(
        'Problems',
        'Every error is one of these, as `application/problem+json` (RFC 9457).',
        ...problems.map(([slug, one]) => problemCard(slug, one)),
      ),
    ],
  }
}

/** @param {string} name @param {...HTMLElement} entries */
const group = (name, ...entries) => h('div', { class: 'group' }, h('h2', {}, name), h('ul', {}, ...entries))

/** @param {string} id @param {...(Node | string)} label */
const entry = (id, ...label) => h('li', { 'data-for': id }, h('a', { href: `#${id}` }, ...label))

/** @param {string} name @param {string} description @param {...HTMLElement} cards */
const section = (name, description, ...cards) =>
  h('section', { class: 'filtered' }, h('h2', {}, name), h('p', { class: 'soft' }, ...prose(description)), ...cards)

/** @param {OpenApi} api */
function tokens({ components: { securitySchemes } }) {
  const kinds = Object.entries(securitySchemes).flatMap(([name, { description }]) => [
    h('dt', {}, h('code', {}, `$${name.toUpperCase()}_TOKEN`)),
    h('dd', {}, ...prose(description)),
  ])
  return [
    h('p', {}, ...prose('Sent as `Authorization: Bearer …`. The examples take it from a variable of the shell:')),
    h('dl', {}, ...kinds),
    snippet('Tokens of the local stack', LOCAL),
    h('p', {}, 'The people of the examples are of its demo graph. The posts are made up: put the id of one in your feed in their place.'),
  ]
}

/** @param {string} name @param {Schema} schema @param {Record<string, Schema>} schemas */
const schemaCard = (name, schema, schemas) =>
  h(
    'article',
    { class: 'card narrow', id: `schema-${name}`, 'data-words': `${name} schema`.toLowerCase() },
    linked(`schema-${name}`, name),
    h('p', { class: 'soft' }, ...typeOf(schema)),
    ...aboutValue(schema),
    fieldsOf(schema, schemas),
  )

/** @param {string} slug @param {OpenApi['components']['examples'][string]} example */
const problemCard = (slug, { summary, value }) =>
  h(
    'article',
    { class: 'card narrow', id: `problem-${slug}`, 'data-words': `${value.status} ${slug} ${summary} problem error`.toLowerCase() },
    linked(`problem-${slug}`, summary),
    h('p', {}, h('code', { class: 'status' }, String(value.status)), ' ', h('a', { href: value.type }, value.type)),
    h('details', {}, h('summary', {}, 'Example'), snippet(`Example of ${slug}`, pretty(value))),
  )

/** Contents stand beside the operations where there is room, and fold above them where there is not. */
function foldContents() {
  const room = matchMedia('(min-width: 52rem)') // docs.css breaks there too
  const fold = byId('fold', HTMLDetailsElement)
  const follow = () => {
    fold.open = room.matches
  }
  room.addEventListener('change', follow)
  follow()
}

startTheme()
foldContents()
try {
  const response = await fetch('/openapi.json')
  if (!response.ok) throw new Error(`/openapi.json answered ${response.status}`)
  /** @type {OpenApi} */
  const api = await response.json()
  const { contents, sections } = parts(api)
  byId('version', HTMLElement).textContent = api.info.version
  byId('about', HTMLElement).append(...paragraphs(api.info.description))
  fill(byId('contents', HTMLElement), ...contents)
  fill(byId('sections', HTMLElement), ...sections)
  startFilter()
  // The browser looked for the anchor before it was there.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView()
} catch (error) {
  fill(
    byId('sections', HTMLElement),
    h('p', { role: 'alert' }, `The API's description cannot be had: ${error instanceof Error ? error.message : error}.`),
  )
}
