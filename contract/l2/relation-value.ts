/**
 * The value of `rel:`: what a viewer may see of an author. `follower`: everything. `stranger`: what is public. `hidden`: nothing in feeds,
 * because one of the two blocks the other, or the viewer muted the author.
 */
export type Relation = 'follower' | 'stranger' | 'hidden'

const LETTER_OF = { follower: 'f', stranger: 'n', hidden: 'x' } as const satisfies Record<Relation, string>
const RELATION_OF: ReadonlyMap<string, Relation> = new Map([
  ['f', 'follower'],
  ['n', 'stranger'],
  ['x', 'hidden'],
])

export const encodeRelation = (relation: Relation): string => LETTER_OF[relation]
export const decodeRelation = (text: string): Relation | undefined => RELATION_OF.get(text)
