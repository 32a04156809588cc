/** `private`: only followers see what they post. `suspended`: nobody does. */
export type Visibility = 'open' | 'private' | 'suspended'

/**
 * The value of `us:`: how visible an account is, then its profile as the JSON a page will contain. A deleted account is an absence.
 *
 *   'o' | 'p' | 's', then JSON object   |   JSON object, as it was before accounts could be private: open
 */
export interface UserValue {
  readonly visibility: Visibility
  readonly json: string
}

const LETTER_OF = { open: 'o', private: 'p', suspended: 's' } as const satisfies Record<Visibility, string>
const VISIBILITY_OF: ReadonlyMap<string, Visibility> = new Map([
  ['o', 'open'],
  ['p', 'private'],
  ['s', 'suspended'],
])

export const encodeUserValue = ({ visibility, json }: UserValue): string => LETTER_OF[visibility] + json

export function decodeUserValue(text: string): UserValue | undefined {
  if (text[0] === '{') return { visibility: 'open', json: text }
  const visibility = VISIBILITY_OF.get(text.slice(0, 1))
  return visibility && text[1] === '{' ? { visibility, json: text.slice(1) } : undefined
}
