/**
 * The grammar of every key in L2. `{id}` is a 19-digit decimal string. A key whose value may be seen by some and not by
 * others names its audience. Adapters put the deployment's prefix in front.
 */
export const keyOf = {
  /** A viewer's timeline. */
  timeline: (viewerId: string) => `tl:${viewerId}`,
  /** What the edge must know of a viewer. */
  viewer: (viewerId: string) => `vw:${viewerId}`,
  /** The newest activities of an author, of one audience. */
  author: (authorId: string, audience: 'public') => `au:${authorId}:${audience}`,
  /** The body of a post, or the pointer of a repost, of one audience. */
  post: (postId: string, audience: 'public') => `po:${postId}:${audience}`,
  /** A public profile. */
  user: (userId: string) => `us:${userId}`,
  /** The authors pulled at present: one for the world. */
  crowd: () => 'crowd',
} as const

/** The lease beside a value. */
export const leaseKeyOf = (key: string): string => `ls:${key}`

/** The counter of an origin process's writes, by which a Redis that lost writes betrays itself. */
export const beatKeyOf = (machineId: number): string => `hb:${machineId}`
/** The same of all edges: nobody keeps count of it. */
export const EDGE_BEAT_KEY = 'hb:edge'
export const isBeatKey = (key: string): boolean => key.startsWith('hb:')

export type ParsedKey =
  | { readonly kind: 'timeline' | 'viewer' | 'user'; readonly id: string }
  | { readonly kind: 'author' | 'post'; readonly id: string; readonly audience: 'public' }
  | { readonly kind: 'crowd' }
export type KeyKind = ParsedKey['kind']

const KINDS = { tl: 'timeline', vw: 'viewer', us: 'user', au: 'author', po: 'post' } as const

/** Reads a key, or returns undefined when it is none of ours. */
export function parseKey(key: string): ParsedKey | undefined {
  if (key === 'crowd') return { kind: 'crowd' }
  const match = /^(?:(tl|vw|us):(\d{19})|(au|po):(\d{19}):(public))$/.exec(key)
  if (!match) return undefined
  const [, plain, plainId, shared, sharedId] = match
  if (plain !== undefined && plainId !== undefined) return { kind: KINDS[plain as 'tl' | 'vw' | 'us'], id: plainId }
  if (shared !== undefined && sharedId !== undefined) return { kind: KINDS[shared as 'au' | 'po'], id: sharedId, audience: 'public' }
  return undefined
}
