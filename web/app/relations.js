// @ts-check

/** @typedef {import('../../contract/post.ts').Post} Post */
/** @typedef {import('../../contract/post.ts').Profile} Profile */
/** @typedef {ReturnType<typeof createRelations>} Relations */

/**
 * What this page knows of the viewer's follows and reposts. The API does not say of each post whether its author is followed, so it is
 * learned from what is read and done.
 *
 * @param {Profile} viewer
 */
export function createRelations(viewer) {
  /** @type {Map<string, Profile>} */
  const profiles = new Map([[viewer.id, viewer]])
  /** @type {Map<string, boolean>} */
  const followed = new Map()
  /** @type {Map<string, boolean>} */
  const reposted = new Map()
  /** When a follow was last done here (`performance.now()`). @type {Map<string, number>} */
  const followedAtMs = new Map()
  /** @type {Set<(id: string) => void>} */
  const listeners = new Set()

  /**
   * @param {Map<string, boolean>} map
   * @param {string} id
   * @param {boolean} value
   */
  function set(map, id, value) {
    if (map.get(id) === value) return
    map.set(id, value)
    for (const tell of listeners) tell(id)
  }

  return {
    viewer,
    /** @param {string} id of a user */
    profile: (id) => profiles.get(id),
    /** @param {string} id of a user */
    follows: (id) => followed.get(id) ?? false,
    /** @param {string} id of a post */
    hasReposted: (id) => reposted.get(id) ?? false,
    /** @type {(id: string, value: boolean) => void} */
    setFollows(id, value) {
      followedAtMs.set(id, performance.now())
      set(followed, id, value)
    },
    /**
     * What a list said that was asked for at `askedAtMs`: it knows nothing of what was done since.
     *
     * @type {(id: string, value: boolean, askedAtMs: number) => void}
     */
    learnFollows: (id, value, askedAtMs) => (followedAtMs.get(id) ?? 0) < askedAtMs && set(followed, id, value),
    /** @type {(id: string, value: boolean) => void} */
    setReposted: (id, value) => set(reposted, id, value),

    /**
     * @param {readonly Post[]} posts
     * @param {boolean} isFeed is it the viewer's feed, where everybody but the viewer is followed?
     */
    learn(posts, isFeed) {
      for (const { id, author, reposted_by, mine } of posts) {
        const actor = reposted_by ?? author
        for (const person of [author, actor]) profiles.set(person.id, person)
        if ((mine?.reposted || reposted_by?.id === viewer.id) && !reposted.has(id)) set(reposted, id, true)
        if (isFeed && actor.id !== viewer.id && !followed.has(actor.id)) set(followed, actor.id, true)
      }
    },

    /** @param {(id: string) => void} listener told the id of a user or a post whose relation changed */
    onChange(listener) {
      listeners.add(listener)
    },
  }
}
