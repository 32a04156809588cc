// @ts-check
import { h } from '../app/dom.js'
import { nameOf, tokenOf } from './document.js'
import { paragraphs, pretty, prose, snippet } from './prose.js'
import { curlLine } from './request.js'
import { aboutValue, fieldsOf, typeOf } from './schema.js'

/** @typedef {import('./document.js').OpenApi} OpenApi */
/** @typedef {import('./document.js').Operation} Operation */
/** @typedef {import('./document.js').Answer} Answer */

/** @param {string} method */
export const methodBadge = (method) => h('span', { class: 'method', 'data-method': method }, method.toUpperCase())

/** A heading that can be linked to. @param {string} id @param {string} text */
export const linked = (id, text) => h('h3', {}, h('a', { class: 'anchor', href: `#${id}` }, text))

/**
 * One operation: what it takes and answers beside an example of both.
 *
 * @param {{ method: string, path: string, operation: Operation }} where
 * @param {OpenApi['components']} components
 */
export function operationCard({ method, path, operation }, components) {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation
  const answers = Object.entries(responses).filter(([, { content }]) => !content?.['application/problem+json'])
  const problems = Object.values(responses).flatMap(({ content }) => Object.keys(content?.['application/problem+json']?.examples ?? {}))
  const [body] = Object.values(requestBody?.content ?? {})
  return h(
    'article',
    { class: 'card operation', id: operationId, 'data-words': [method, path, operationId, summary, description].join(' ').toLowerCase() },
    h(
      'div',
      { class: 'about' },
      linked(operationId, summary),
      h('p', { class: 'route' }, methodBadge(method), h('code', {}, path)),
      ...paragraphs(description),
      h('p', { class: 'token' }, tokenText(operation)),
      parameters.length > 0 && h('h4', {}, 'Parameters'),
      parameters.length > 0 && h('ul', { class: 'fields' }, ...parameters.map(parameterItem)),
      body && h('h4', {}, 'Body'),
      body && fieldsOf(body.schema, components.schemas),
      h('h4', {}, 'Answers'),
      ...answers.map(([status, answer]) => answerPart(status, answer, components)),
      h('h4', {}, 'Problems'),
      h('ul', { class: 'chips' }, ...problems.map((slug) => problemChip(slug, components))),
    ),
    h(
      'div',
      { class: 'example' },
      snippet('Request', curlLine(location.origin, method, path, operation)),
      ...answers.map(([status, { content }]) => Object.values(content ?? {})[0] && exampleAnswer(status, content)),
    ),
  )
}

/** @param {string} status @param {Answer['content']} content */
const exampleAnswer = (status, content) => snippet(`Answer ${status}`, pretty(Object.values(content ?? {})[0]?.example))

/** @param {Operation} operation */
function tokenText(operation) {
  const token = tokenOf(operation)
  if (token) return h('a', { href: '#tokens' }, token === 'service' ? 'Needs a service token' : "Needs a user's token")
  return operation.security ? 'Public; a token is welcome' : 'Public'
}

/** @param {import('./document.js').Parameter} parameter */
const parameterItem = ({ name, in: place, required, description, schema }) =>
  h(
    'li',
    {},
    h('code', { class: 'name' }, name),
    h('span', { class: 'type' }, `${place}, `, ...typeOf(schema)),
    !required && h('span', { class: 'type' }, 'optional'),
    ...aboutValue({ ...schema, description }),
  )

/** @param {string} status @param {Answer} answer @param {OpenApi['components']} components */
function answerPart(status, { description, headers = {}, content }, components) {
  const schema = Object.values(content ?? {})[0]?.schema
  const fields = schema && fieldsOf(schema, components.schemas)
  return h(
    'div',
    { class: 'answer' },
    h('p', {}, h('code', { class: 'status' }, status), ' ', ...prose(description)),
    schema && (schema.$ref || !fields) && h('p', { class: 'soft' }, ...typeOf(schema)),
    fields,
    h(
      'details',
      {},
      h('summary', {}, `${Object.keys(headers).length} headers`),
      h(
        'dl',
        {},
        ...Object.entries(headers).flatMap(([name, { $ref }]) => {
          const { description: meaning = '', example = '' } = components.headers[nameOf($ref)] ?? {}
          return [h('dt', {}, h('code', {}, name)), h('dd', {}, ...prose(meaning), h('code', { class: 'value' }, example))]
        }),
      ),
    ),
  )
}

/** @param {string} slug @param {OpenApi['components']} components */
const problemChip = (slug, { examples }) =>
  h('li', {}, h('a', { href: `#problem-${slug}`, title: examples[slug]?.summary }, `${examples[slug]?.value.status} ${slug}`))
