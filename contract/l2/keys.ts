/** Who may see what a key holds; `contract/entry.ts` is the same. */
export type Audience = 'public' | 'followers'

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
  author: (authorId: string, audience: Audience) => `au:${authorId}:${audience}`,
  /** The body of a post, or the pointer of a repost, of one audience. */
  post: (postId: string, audience: Audience) => `po:${postId}:${audience}`,
  /** A profile, which is public, and whether the account is private or suspended. */
  user: (userId: string) => `us:${userId}`,
  /** What a viewer may see of an author: the proof without which nothing that is not public is shown. */
  relation: (viewerId: string, authorId: string) => `rel:${viewerId}:${authorId}`,
  /** How often a post was liked and reposted. */
  counts: (postId: string) => `co:${postId}`,
  /** Which posts a viewer liked and reposted. */
  marks: (viewerId: string) => `my:${viewerId}`,
  /** Popular posts: one list for the world. */
  popular: () => 'pop',
  /** The newest activities of all the crowded authors whom a viewer follows, merged by the origin: for one who follows very many. */
  merged: (viewerId: string) => `mg:${viewerId}`,
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
  | { readonly kind: 'timeline' | 'viewer' | 'user' | 'counts' | 'marks' | 'merged'; readonly id: string }
  | { readonly kind: 'author' | 'post'; readonly id: string; readonly audience: Audience }
  | { readonly kind: 'relation'; readonly id: string; readonly authorId: string }
  | { readonly kind: 'crowd' }
  | { readonly kind: 'popular' }
export type KeyKind = ParsedKey['kind']

const PLAIN = { tl: 'timeline', vw: 'viewer', us: 'user', co: 'counts', my: 'marks', mg: 'merged' } as const
const SHARED = { au: 'author', po: 'post' } as const
const GRAMMAR = /^(?:(tl|vw|us|co|my|mg):(\d{19})|(au|po):(\d{19}):(public|followers)|rel:(\d{19}):(\d{19}))$/

/** Reads a key, or returns undefined when it is none of ours. */
export function parseKey(key: string): ParsedKey | undefined {
  if (key === 'crowd') return { kind: 'crowd' }
  if (key === 'pop') return { kind: 'popular' }
  const [, plain, plainId, shared, sharedId, audience, viewerId, authorId] = GRAMMAR.exec(key) ?? []
  if (plain !== undefined && plainId !== undefined) return { kind: PLAIN[plain as keyof typeof PLAIN], id: plainId }
  if (shared !== undefined && sharedId !== undefined)
    return { kind: SHARED[shared as keyof typeof SHARED], id: sharedId, audience: audience as Audience }
  if (viewerId !== undefined && authorId !== undefined) return { kind: 'relation', id: viewerId, authorId }
  return undefined
}
