import type { Cast, Person, Written } from './people.ts'
import type { Look } from './watch.ts'

/** A write that takes something away from somebody, on a stage of its own. */
export interface Effect {
  readonly name: string
  stage(cast: Cast): Promise<Stage>
}

export interface Stage {
  /** What is shown before the write and must be gone after it. */
  readonly gone: readonly Look[]
  act(): Promise<Written>
  /** What the writer itself must no longer be shown at once, where it brings the version token. */
  readonly own?: readonly Look[]
  /** The way back, and what is shown again. */
  readonly back?: { readonly looks: readonly Look[]; act(): Promise<Written> }
  /** Nothing of it was ever shown, and nothing may be. */
  readonly never?: true
}

export const EVERYBODY = undefined
export const feed = (reader: Person, needle: string): Look => ({ reader, path: '/v1/feed/following', needle })
export const page = (reader: Person | undefined, author: Person, needle: string): Look => ({
  reader,
  path: `/v1/users/${author.id}/posts`,
  needle,
})
export const alone = (reader: Person | undefined, id: string): Look => ({ reader, path: `/v1/posts/${id}`, needle: id })

export const post = (author: Person, audience?: 'followers'): Promise<Written> =>
  author.write('POST', '/v1/posts', { text: 'a post', ...(audience && { audience }) })
const onUser =
  (method: string, what: string) =>
  (who: Person, whom: Person): Promise<Written> =>
    who.write(method, `/v1/users/${whom.id}/${what}`)
export const follow = onUser('POST', 'follow')
export const unfollow = onUser('DELETE', 'follow')
export const mute = onUser('POST', 'mute')
export const unmute = onUser('DELETE', 'mute')
export const block = onUser('POST', 'block')
export const unblock = onUser('DELETE', 'block')
export const setPrivate = (who: Person, isPrivate: boolean): Promise<Written> =>
  who.write('PUT', `/v1/users/${who.id}/privacy`, { private: isPrivate })
export const setSuspended = (service: Person, who: Person, suspended: boolean): Promise<Written> =>
  service.write('PUT', `/v1/users/${who.id}/suspension`, { suspended })
export const accept = (target: Person, requester: Person): Promise<Written> => target.write('PUT', `/v1/follow-requests/${requester.id}`)
export const reject = (target: Person, requester: Person): Promise<Written> => target.write('DELETE', `/v1/follow-requests/${requester.id}`)

/** A reader, and an author whom they follow and who has posted; and somebody else. */
export async function follower(cast: Cast, audience?: 'followers') {
  const [reader, author, other] = (await cast.people(3)) as [Person, Person, Person]
  await cast.follow([reader, author])
  const { id } = await post(author, audience)
  return { reader, author, other, id }
}

/** The same with a private account, whose posts only followers see. */
export async function privateFollower(cast: Cast) {
  const scene = await follower(cast)
  await setPrivate(scene.author, true)
  const { reader, author, id } = scene
  return { ...scene, looks: [feed(reader, id), page(reader, author, id), alone(reader, id)] }
}

/** The same with an open one, and a stranger who is shown the post because somebody else reposted it. */
export async function reposted(cast: Cast) {
  const scene = await follower(cast)
  const { author, other, id } = scene
  const [stranger] = (await cast.people(1)) as [Person]
  await cast.follow([stranger, other])
  await other.write('POST', `/v1/posts/${id}/repost`)
  return { ...scene, shared: [feed(stranger, author.id), page(EVERYBODY, author, id), alone(EVERYBODY, id), alone(stranger, id)] }
}
