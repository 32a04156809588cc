import fc from 'fast-check'
import { decodeList } from '../../contract/l2/codec.ts'
import { keyOf, parseKey } from '../../contract/l2/keys.ts'

/** Something a person does: `actor` and `other` are places in a list of people, `post` one in the list of posts so far. */
export interface Deed {
  readonly verb: (typeof VERBS)[number]
  readonly actor: number
  readonly other: number
  readonly post: number
}

const VERBS = [
  ...(['follow', 'unfollow', 'accept', 'reject', 'remove follower', 'mute', 'unmute', 'block', 'unblock'] as const),
  ...(['post', 'post for followers', 'delete', 'repost', 'undo repost', 'like', 'unlike'] as const),
  ...(['go private', 'open', 'suspend', 'come back', 'rename', 'delete account'] as const),
] as const
/** How often each is done: an account is deleted for good. */
const WEIGHTS: Partial<Record<Deed['verb'], number>> = {
  follow: 6,
  accept: 4,
  post: 3,
  'post for followers': 2,
  repost: 3,
  'delete account': 0.1,
}

export const anyHistory = (people: number, maxLength: number): fc.Arbitrary<Deed[]> =>
  fc.array(
    fc.record({
      verb: fc.oneof(...VERBS.map((verb) => ({ weight: 10 * (WEIGHTS[verb] ?? 2), arbitrary: fc.constant(verb) }))),
      actor: fc.nat({ max: people - 1 }),
      other: fc.nat({ max: people - 1 }),
      post: fc.nat({ max: 5 }),
    }),
    { minLength: Math.min(30, maxLength), maxLength },
  )

/** The request that does a deed; `service` says whose token it takes. */
export function requestOf(
  { verb, actor, other, post }: Deed,
  people: readonly string[],
  posts: readonly string[],
): { readonly service: boolean; readonly method: string; readonly path: string; readonly body?: unknown } {
  const [own, theirs] = [people[actor] ?? '', people[other] ?? '']
  const id = posts[post % Math.max(1, posts.length)] ?? '1999999999999999999'
  const user = (method: string, verb: string) => ({ service: false, method, path: `/v1/users/${theirs}/${verb}` })
  const about = (method: string, verb: string) => ({ service: false, method, path: `/v1/posts/${id}${verb}` })
  const state = (path: string, body: unknown) => ({ service: true, method: 'PUT', path: `/v1/users/${own}${path}`, body })
  switch (verb) {
    case 'follow':
    case 'mute':
    case 'block':
      return user('POST', verb)
    case 'unfollow':
    case 'unmute':
    case 'unblock':
      return user('DELETE', verb.slice(2))
    case 'accept':
      return { service: false, method: 'PUT', path: `/v1/follow-requests/${theirs}` }
    case 'reject':
      return { service: false, method: 'DELETE', path: `/v1/follow-requests/${theirs}` }
    case 'remove follower':
      return { service: false, method: 'DELETE', path: `/v1/followers/${theirs}` }
    case 'post':
      return { service: false, method: 'POST', path: '/v1/posts', body: { text: 'for all' } }
    case 'post for followers':
      return { service: false, method: 'POST', path: '/v1/posts', body: { text: 'for followers', audience: 'followers' } }
    case 'delete':
      return about('DELETE', '')
    case 'repost':
    case 'like':
      return about('POST', `/${verb}`)
    case 'undo repost':
      return about('DELETE', '/repost')
    case 'unlike':
      return about('DELETE', '/like')
    case 'go private':
    case 'open':
      return state('/privacy', { private: verb === 'go private' })
    case 'suspend':
    case 'come back':
      return state('/suspension', { suspended: verb === 'suspend' })
    case 'rename':
      return state('', { handle: `user-${own}`, name: `User ${own}, ${post}` })
    case 'delete account':
      return { service: true, method: 'DELETE', path: `/v1/users/${own}` }
  }
}

/** Every key about these people and posts but timelines, which `left` and the follow version guard, and lists for the world. */
export function keysAbout(people: readonly string[], posts: readonly string[]): string[] {
  const audiences = ['public', 'followers'] as const
  return [
    ...people.flatMap((id) => [
      keyOf.user(id),
      keyOf.viewer(id),
      keyOf.marks(id),
      ...audiences.map((audience) => keyOf.author(id, audience)),
    ]),
    ...people.flatMap((viewer) => people.filter((author) => author !== viewer).map((author) => keyOf.relation(viewer, author))),
    ...posts.flatMap((id) => [keyOf.counts(id), ...audiences.map((audience) => keyOf.post(id, audience))]),
  ]
}

export interface Known {
  readonly truth: number
  readonly payload: string | null
}
/** What L2 was told to forget. */
export interface Told {
  readonly key: string
  readonly truth: number
}

/**
 * What is wrong with how a write was told to caches: `before` and `after` are what the origin loads for each key, `told` the invalidations that
 * Redis had acknowledged when the write was, `swept` the authors whose posts' bodies a sweep drops. A value that no longer is what it was must
 * have a higher truth version, and must have been dropped, or replaced, by one above that of the old value and not above that of the new.
 */
export function wrongIn(
  before: ReadonlyMap<string, Known>,
  after: ReadonlyMap<string, Known>,
  told: readonly Told[],
  swept: (authorOf: string) => boolean,
): string[] {
  const tellings = Map.groupBy(told, ({ key }) => key)
  return [...before].flatMap(([key, old]) => {
    const now = after.get(key)
    if (!now || now.truth < old.truth) return [`${key} fell`]
    const drops = tellings.get(key) ?? []
    if (drops.some(({ truth }) => truth > now.truth)) return [`${key} was promised higher than it is`]
    if (now.payload === old.payload) return []
    const kind = parseKey(key)
    // Ties to a deleted account go in the background, and nobody is told: `us:` shows nothing of it any more.
    if (kind?.kind === 'relation' && after.get(keyOf.user(kind.authorId))?.payload === null) return []
    if (now.truth === old.truth) return [`${key} changed and did not rise`]
    if (kind?.kind === 'counts') return [] // as old as its life allows
    if (kind?.kind === 'relation' && now.payload === null) return [] // of a deleted viewer, for whom nobody asks
    if (kind?.kind === 'author' && onlyGrew(old, now)) return [] // that is pushed
    if (kind?.kind === 'post' && swept(kind.id)) return []
    return drops.some(({ truth }) => truth > old.truth) ? [] : [`${key} was not dropped`]
  })
}

/** Has a list all that it had, and says the same of its followers? */
function onlyGrew(old: Known, now: Known): boolean {
  const [before, after] = [old, now].map(({ payload }) => (payload === null ? undefined : decodeList(payload, 400)))
  if (!before || !after || before.candidates.length !== after.candidates.length) return false
  const entries = new Set(after.entries.map(({ activityId, audience }) => activityId + audience))
  return before.entries.every(({ activityId, audience }) => entries.has(activityId + audience))
}
