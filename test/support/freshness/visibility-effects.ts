import {
  accept,
  alone,
  block,
  type Effect,
  EVERYBODY,
  feed,
  follow,
  follower,
  mute,
  page,
  post,
  privateFollower,
  reject,
  reposted,
  setPrivate,
  setSuspended,
  unblock,
  unfollow,
  unmute,
} from './scenes.ts'

/** What changes who may see whom. */
export const VISIBILITY_EFFECTS: readonly Effect[] = [
  {
    name: 'mute',
    async stage(cast) {
      const { reader, author } = await follower(cast)
      const looks = [feed(reader, author.id)]
      return { gone: looks, own: looks, act: () => mute(reader, author), back: { looks, act: () => unmute(reader, author) } }
    },
  },
  {
    name: 'block',
    async stage(cast) {
      const { reader, author, id } = await follower(cast)
      await cast.follow([author, reader])
      const { id: readers } = await post(reader)
      const direct = [alone(reader, id), page(reader, author, id), alone(author, readers), page(author, reader, readers)]
      return {
        gone: [feed(reader, author.id), feed(author, reader.id), ...direct],
        own: [feed(reader, author.id), alone(reader, id), page(reader, author, id)],
        act: () => block(reader, author),
        back: { looks: direct, act: () => unblock(reader, author) }, // the follows are gone for good
      }
    },
  },
  {
    name: 'going private',
    async stage(cast) {
      const { author, shared } = await reposted(cast)
      return { gone: shared, act: () => setPrivate(author, true), back: { looks: shared, act: () => setPrivate(author, false) } }
    },
  },
  {
    name: 'suspension',
    async stage(cast) {
      const { author, reader, shared } = await reposted(cast)
      const looks = [feed(reader, author.id), ...shared]
      const act = (suspended: boolean) => () => setSuspended(cast.service, author, suspended)
      return { gone: looks, act: act(true), back: { looks, act: act(false) } }
    },
  },
  {
    name: 'suspension of who reposted',
    async stage(cast) {
      const { reader, author, other } = await follower(cast)
      const { id } = await post(other)
      await author.write('POST', `/v1/posts/${id}/repost`)
      const looks = [feed(reader, id)]
      const act = (suspended: boolean) => () => setSuspended(cast.service, author, suspended)
      return { gone: looks, act: act(true), back: { looks, act: act(false) } }
    },
  },
  {
    name: 'account deletion',
    async stage(cast) {
      const { author, reader, shared } = await reposted(cast)
      return { gone: [feed(reader, author.id), ...shared], act: () => author.write('DELETE', `/v1/users/${author.id}`) }
    },
  },
  {
    name: 'removed follower',
    async stage(cast) {
      const { author, reader, looks } = await privateFollower(cast)
      const act = () => author.write('DELETE', `/v1/followers/${reader.id}`)
      return { gone: looks, act, back: { looks, act: () => follow(reader, author).then(() => accept(author, reader)) } }
    },
  },
  {
    name: 'unfollow of a private account',
    async stage(cast) {
      const { author, reader, looks } = await privateFollower(cast)
      const act = () => unfollow(reader, author)
      return { gone: looks, own: looks, act, back: { looks, act: () => follow(reader, author).then(() => accept(author, reader)) } }
    },
  },
  {
    name: 'unfollow of who writes for followers',
    async stage(cast) {
      const { author, reader, id } = await follower(cast, 'followers')
      const looks = [feed(reader, id), page(reader, author, id), alone(reader, id)]
      return { gone: looks, own: looks, act: () => unfollow(reader, author), back: { looks, act: () => follow(reader, author) } }
    },
  },
  {
    name: 'rejected request',
    async stage(cast) {
      const { author, id, other: requester } = await privateFollower(cast)
      await follow(requester, author)
      const gone = [feed(requester, author.id), page(requester, author, id), alone(requester, id)]
      return { gone, never: true, act: () => reject(author, requester) }
    },
  },
  {
    name: 'cancelled request',
    async stage(cast) {
      const { author, id, other: requester } = await privateFollower(cast)
      await follow(requester, author)
      const gone = [feed(requester, author.id), page(requester, author, id), alone(requester, id), alone(EVERYBODY, id)]
      return { gone, never: true, act: () => unfollow(requester, author) }
    },
  },
  {
    name: 'block by the author of a private account',
    async stage(cast) {
      const { author, reader, looks } = await privateFollower(cast)
      return { gone: looks, act: () => block(author, reader) }
    },
  },
]
