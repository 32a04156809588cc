/**
 * The value of `rel:`: what a viewer may see of an author, and whether the viewer muted them. `follower`: everything. `stranger`: what is
 * public. `blocked`: nothing, because one of the two blocks the other.
 */
export interface Relation {
  readonly as: 'follower' | 'stranger' | 'blocked'
  readonly muted: boolean
}

const RELATION_OF: ReadonlyMap<string, Relation> = new Map([
  ['f', { as: 'follower', muted: false }],
  ['F', { as: 'follower', muted: true }],
  ['n', { as: 'stranger', muted: false }],
  ['N', { as: 'stranger', muted: true }],
  ['x', { as: 'blocked', muted: false }],
  ['X', { as: 'blocked', muted: true }],
])
const LETTER_OF = { follower: 'f', stranger: 'n', blocked: 'x' } as const satisfies Record<Relation['as'], string>

export const encodeRelation = ({ as, muted }: Relation): string => (muted ? LETTER_OF[as].toUpperCase() : LETTER_OF[as])
/** The same object for the same letter. */
export const decodeRelation = (text: string): Relation | undefined => RELATION_OF.get(text)
