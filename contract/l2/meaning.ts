import { decodeIds } from './codec.ts'
import { parseKey } from './keys.ts'
import { decodePostValue, type PostValue } from './post-value.ts'
import { decodeUserValue, type UserValue } from './user-value.ts'

/**
 * What values of L2 say, as text: two payloads that say the same are one text, whatever version of a format wrote them. For comparing what caches
 * answer with the truth. Lists of entries have none: they grow by pushes, and are compared line by line.
 */

/** The JSON of a body may gain fields: its words and its author are what it says. */
export function postMeaning(value: PostValue): string {
  switch (value.kind) {
    case 'post':
      return `post ${value.authorId} ${fieldsOf(value.json, ['id', 'text'])}`
    case 'repost':
      return `repost ${value.authorId} ${value.rootId}`
    case 'not-public':
      return `not-public ${value.authorId}`
    case 'gone':
      return 'gone'
  }
}

export const userMeaning = ({ visibility, json }: UserValue): string => `${visibility} ${fieldsOf(json, ['id', 'handle', 'name'])}`

/** Whom a viewer must not be shown. What ages by itself (`left`), or follows the graph a moment later, is left out. */
export const viewerMeaning = ({ muted = [], blocked = [], many = false }: Partial<Hiding>): string =>
  `muted ${idsMeaning(muted)} blocked ${idsMeaning(blocked)}${many ? ' and more' : ''}`
interface Hiding {
  readonly muted: readonly string[]
  readonly blocked: readonly string[]
  readonly many: boolean
}

export const idsMeaning = (ids: readonly string[]): string => [...ids].sort().join(' ')

/** What a payload says; `nothing` for an absence, undefined where it has no such meaning or cannot be read. */
export function meaningOf(key: string, payload: string | null): string | undefined {
  if (payload === null) return 'nothing'
  try {
    return decoded(key, payload)
  } catch {
    return undefined // no JSON of ours
  }
}

function decoded(key: string, payload: string): string | undefined {
  switch (parseKey(key)?.kind) {
    case 'post': {
      const post = decodePostValue(payload)
      return post && postMeaning(post)
    }
    case 'user': {
      const user = decodeUserValue(payload)
      return user && userMeaning(user)
    }
    case 'viewer':
      return viewerMeaning(JSON.parse(payload))
    case 'crowd': {
      const ids = decodeIds(payload)
      return ids && idsMeaning(ids)
    }
    case 'relation':
      return payload
    default:
      return undefined
  }
}

function fieldsOf(json: string, names: readonly string[]): string {
  const object: Record<string, unknown> = JSON.parse(json)
  return JSON.stringify(names.map((name) => object[name]))
}
