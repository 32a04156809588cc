import { alone, type Effect, EVERYBODY, feed, follow, follower, page, post, unfollow } from './scenes.ts'
import { VISIBILITY_EFFECTS } from './visibility-effects.ts'

/** What authors and readers do to posts and follows. */
const CONTENT_EFFECTS: readonly Effect[] = [
  {
    name: 'unfollow',
    async stage(cast) {
      const { reader, author } = await follower(cast)
      const looks = [feed(reader, author.id)]
      return { gone: looks, own: looks, act: () => unfollow(reader, author), back: { looks, act: () => follow(reader, author) } }
    },
  },
  {
    name: 'delete',
    async stage(cast) {
      const { reader, author, id } = await follower(cast)
      const gone = [feed(reader, id), page(EVERYBODY, author, id), alone(EVERYBODY, id)]
      const own = [feed(author, id), page(author, author, id), alone(author, id)]
      return { gone, own, act: () => author.write('DELETE', `/v1/posts/${id}`) }
    },
  },
  {
    name: 'undo repost',
    async stage(cast) {
      const { reader, author, other } = await follower(cast)
      const { id } = await post(other)
      const path = `/v1/posts/${id}/repost`
      await author.write('POST', path)
      const gone = [feed(reader, id), page(EVERYBODY, author, id)]
      const own = [feed(author, id), page(author, author, id)]
      return { gone, own, act: () => author.write('DELETE', path), back: { looks: gone, act: () => author.write('POST', path) } }
    },
  },
]

/** Everything that takes effect within 5 s, with its way back. */
export const EFFECTS: readonly Effect[] = [...CONTENT_EFFECTS, ...VISIBILITY_EFFECTS]
