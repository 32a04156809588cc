// @ts-check
import { h } from './dom.js'

/** @typedef {import('../../contract/post.ts').Profile} Profile */

/**
 * A person's initials on a colour of their own.
 *
 * @param {Pick<Profile, 'id' | 'name'>} person
 */
export function avatar({ id, name }) {
  const initials = name
    .split(/\s+/)
    .map((word) => [...word][0] ?? '')
    .slice(0, 2)
    .join('')
  const circle = h('span', { class: 'avatar', 'aria-hidden': 'true' }, initials)
  circle.style.setProperty('--hue', String(Number(BigInt.asUintN(16, BigInt(id) >> 22n)) % 360))
  return circle
}
