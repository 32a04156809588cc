// @ts-check

/** @typedef {import('../../contract/post.ts').Post} Post */
/** @typedef {import('../../contract/post.ts').Page} Page */
/** @typedef {import('./api.js').Api} Api */
/** @typedef {import('./trace.js').Trace} Trace */
/**
 * @typedef {object} Above what a look above the scroll found
 * @property {Trace} trace
 * @property {readonly string[]} gone activities that are no longer there
 */

/** Posts asked for at once. */
export const PAGE_SIZE = 30

/**
 * One scroll through a feed, as data: the lines that are shown, newest first, and those that came since and wait to be asked for.
 * Activity ids are of one length and sort by time.
 *
 * @param {object} options
 * @param {Api} options.api
 * @param {string} options.path
 * @param {(posts: readonly Post[], source: Page['source']) => void} options.learn told each page
 */
export function createScroll({ api, path, learn }) {
  /** @type {Post[]} */
  let lines = []
  /** @type {Post[]} */
  let waiting = []
  /** @type {string | null | undefined} undefined: nothing was read yet; null: the history ends here */
  let cursor
  /** @type {string | undefined} of the first page, as it was last read */
  let etag
  /** The newest activity down from which nothing is left out. */
  let top = ''
  let isCutOff = false
  /** Shown lines that the last look above did not find. @type {ReadonlySet<string>} */
  let missing = new Set()

  const urlOf = (/** @type {string | undefined} */ from) => `${path}?limit=${PAGE_SIZE}${from ? `&cursor=${encodeURIComponent(from)}` : ''}`
  const isShown = (/** @type {Post} */ post) => lines.some(({ id, activity_id }) => id === post.id || activity_id === post.activity_id)

  return {
    lines: () => /** @type {readonly Post[]} */ (lines),
    waiting: () => /** @type {readonly Post[]} */ (waiting),
    /** Did so much come that what waits and what is shown do not meet? Then only a new scroll shows it. */
    isCutOff: () => isCutOff,
    hasBegun: () => cursor !== undefined,
    hasEnded: () => cursor === null,

    /** Reads the next page: the lines it adds, and whether something changed above them. */
    async next() {
      const { body, etag: tag, trace } = await api.read(urlOf(cursor ?? undefined))
      const page = /** @type {Page} */ (body)
      if (cursor === undefined) {
        etag = tag
        top = page.posts[0]?.activity_id ?? ''
      }
      cursor = page.next_cursor
      learn(page.posts, page.source)
      const added = page.posts.filter((post) => !isShown(post))
      lines = [...lines, ...added]
      waiting = waiting.filter((post) => !isShown(post)) // a repost may wait whose post this page brought
      return { added, gap: page.gap, trace }
    },

    /**
     * Looks for what came since. A line counts as gone only when two looks in a row miss it: an isolate may answer a moment behind
     * the one before.
     *
     * @returns {Promise<Above>}
     */
    async lookAbove() {
      const { status, body, etag: tag, trace } = await api.read(urlOf(undefined), etag)
      let missed = missing
      if (status !== 304) {
        etag = tag
        const { posts, source } = /** @type {Page} */ (body)
        learn(posts, source)
        const oldest = lines.at(-1)?.activity_id ?? ''
        waiting = posts.filter((post) => !isShown(post) && (post.activity_id > oldest || cursor === null))
        isCutOff = posts.length >= PAGE_SIZE && (posts.at(-1)?.activity_id ?? '') > top
        missed = missingFrom(posts)
      }
      const gone = [...missing].filter((id) => missed.has(id))
      missing = new Set([...missed].filter((id) => !gone.includes(id)))
      lines = lines.filter((line) => !gone.includes(line.activity_id))
      return { trace, gone }
    },

    /**
     * Puts waiting lines where they belong among those shown; answers them.
     *
     * @param {(post: Post) => boolean} [which]
     */
    take(which = () => true) {
      const taken = waiting.filter(which)
      waiting = waiting.filter((post) => !taken.includes(post))
      lines = [...lines, ...taken].sort((a, b) => (a.activity_id < b.activity_id ? 1 : -1))
      if (waiting.length === 0) top = lines[0]?.activity_id ?? ''
      return taken
    },

    /** @param {(post: Post) => boolean} which */
    drop(which) {
      const dropped = lines.filter(which)
      lines = lines.filter((post) => !dropped.includes(post))
      waiting = waiting.filter((post) => !which(post))
      return dropped
    },
  }

  /**
   * Shown lines that belong into this first page and are not in it.
   *
   * @param {readonly Post[]} posts
   */
  function missingFrom(posts) {
    const here = new Set(posts.map(({ id }) => id))
    const newest = posts[0]?.activity_id ?? ''
    const oldest = posts.length < PAGE_SIZE ? '' : (posts.at(-1)?.activity_id ?? '')
    const within = lines.filter(({ activity_id }) => activity_id <= newest && activity_id >= oldest)
    return new Set(within.filter(({ id }) => !here.has(id)).map(({ activity_id }) => activity_id))
  }
}
