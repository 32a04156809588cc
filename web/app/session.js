// @ts-check

/** @typedef {import('../../contract/post.ts').Profile} Profile */
/** @typedef {{ token: string, viewer: Profile, version?: string | undefined }} Session who reads, and the newest version token */

const STORED = 'tideline-session'

/** Who reads, kept for this tab alone and until it is closed. */
export const session = {
  /** @returns {Session | undefined} */
  stored() {
    try {
      return JSON.parse(sessionStorage.getItem(STORED) ?? '') || undefined
    } catch {
      return undefined
    }
  },
  /** Where a browser keeps nothing, it lasts until a reload. @param {Session | undefined} value */
  store(value) {
    try {
      if (value) sessionStorage.setItem(STORED, JSON.stringify(value))
      else sessionStorage.removeItem(STORED)
    } catch {}
  },
}

/**
 * The user a bearer token is for; undefined where it names none. It is only read here: the worker verifies it.
 *
 * @param {string} token
 */
export function subjectOf(token) {
  try {
    const claims = JSON.parse(atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')))
    return /^\d{19}$/.test(claims.sub) ? String(claims.sub) : undefined
  } catch {
    return undefined
  }
}
