// @ts-check
import { h } from '../app/dom.js'
import { nameOf } from './document.js'
import { prose } from './prose.js'

/** @typedef {import('./document.js').Schema} Schema */
/** @typedef {Record<string, Schema>} Schemas */

/**
 * What a value is, in a few words; what has a name is a link to it.
 *
 * @param {Schema} schema
 * @returns {(Node | string)[]}
 */
export function typeOf({ $ref, type, items, format }) {
  if ($ref) return [h('a', { href: `#schema-${nameOf($ref)}` }, nameOf($ref))]
  if (items) return ['array of ', ...typeOf(items)]
  return [[[type ?? 'any'].flat().join(' or '), format].filter(Boolean).join(', ')]
}

/** @param {unknown} from @param {unknown} to @param {string} [of] */
const range = (from, to, of = '') => (from === undefined ? [] : [`${from} to ${to}${of}`])

/**
 * What a value may be, and what it means.
 *
 * @param {Schema} schema
 */
export function aboutValue({ description, const: only, enum: choice, default: fallback, minimum, maximum, minLength, maxLength, pattern }) {
  const limits = [
    ...(only === undefined ? [] : [`always \`${only}\``]),
    ...(choice ? [`one of ${choice.map((one) => `\`${one}\``).join(', ')}`] : []),
    ...range(minimum, maximum),
    ...range(minLength, maxLength, ' characters'),
    ...(pattern ? [`pattern \`${pattern}\``] : []),
    ...(fallback === undefined ? [] : [`default ${fallback}`]),
  ]
  return [
    description && h('p', {}, ...prose(description)),
    limits.length > 0 && h('p', { class: 'limits' }, ...limits.map((limit) => h('span', {}, ...prose(limit)))),
  ]
}

/**
 * The fields of an object, or of the objects in an array, as a list; what is nested opens. Undefined where there are none.
 *
 * @param {Schema} schema
 * @param {Schemas} schemas
 * @returns {HTMLElement | undefined}
 */
export function fieldsOf(schema, schemas) {
  const { properties, items, required = [] } = schema.$ref ? (schemas[nameOf(schema.$ref)] ?? {}) : schema
  if (items) return fieldsOf(items, schemas)
  if (!properties) return undefined
  const fields = Object.entries(properties).map(([name, field]) => {
    const nested = fieldsOf(field, schemas)
    return h(
      'li',
      {},
      h('code', { class: 'name' }, name),
      h('span', { class: 'type' }, ...typeOf(field)),
      !required.includes(name) && h('span', { class: 'type' }, 'optional'),
      ...aboutValue(field),
      nested && h('details', {}, h('summary', {}, `Fields of ${name}`), nested),
    )
  })
  return h('ul', { class: 'fields' }, ...fields)
}
