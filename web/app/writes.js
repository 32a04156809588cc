// @ts-check

/** @typedef {import('../../contract/post.ts').Post} Post */

/**
 * What a reader does. Reposts and follows show at once and are set back when they fail; a post and a delete show when they are done.
 *
 * @param {object} options
 * @param {import('./api.js').Api} options.api
 * @param {import('./relations.js').Relations} options.relations
 * @param {(error: unknown) => void} options.onError
 */
export function createWrites({ api, relations, onError }) {
  /** Users and posts with a write in the air: a second click waits for its answer. @type {Set<string>} */
  const busy = new Set()

  /**
   * @param {string} id
   * @param {boolean} wanted
   * @param {(id: string, value: boolean) => void} set
   * @param {string} path
   */
  async function toggle(id, wanted, set, path) {
    if (busy.has(id)) return
    busy.add(id)
    set(id, wanted)
    try {
      const { body } = await api.write(wanted ? 'POST' : 'DELETE', path)
      set(id, wanted && !body?.requested) // once more: a list asked for meanwhile may not know it yet; a private account was only asked
    } catch (error) {
      set(id, !wanted)
      onError(error)
    } finally {
      busy.delete(id)
    }
  }

  return {
    /** @param {Post} post */
    toggleRepost: ({ id }) => toggle(id, !relations.hasReposted(id), relations.setReposted, `/v1/posts/${id}/repost`),
    /** @param {string} id of a user */
    toggleFollow: (id) => toggle(id, !relations.follows(id), relations.setFollows, `/v1/users/${id}/follow`),

    /**
     * Posts; answers the post's id.
     *
     * @param {string} text
     * @param {string} key
     * @returns {Promise<string>}
     */
    async post(text, key) {
      const { body } = await api.write('POST', '/v1/posts', { body: { text }, key })
      return body.id
    },

    /** @param {Post} post */
    remove: ({ id }) => api.write('DELETE', `/v1/posts/${id}`),

    /** Learns from the viewer's own list what they reposted lately, which no other answer tells. */
    async learnOwn() {
      const { body } = await api.read(`/v1/users/${relations.viewer.id}/posts?limit=100`).catch(() => ({ body: { posts: [] } }))
      relations.learn(body.posts, false)
    },
  }
}
