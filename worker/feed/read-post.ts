import { Problem } from '../../contract/problem.ts'
import type { Key } from '../cache/entry.ts'
import { demand, unavailable } from './demand.ts'
import { type Line, standalone } from './hydrate.ts'
import { copied, type PostBody } from './keys.ts'
import { withMine } from './mine.ts'
import { type FeedTurn, readParts } from './parts.ts'
import type { FeedParts } from './read-feed.ts'
import { createSheet } from './sheet.ts'
import { askAbout } from './visitor.ts'

interface Ask {
  readonly postId: string
  /** Undefined for nobody we know. */
  readonly viewerId: string | undefined
}

/** One post, or a repost as the post it shows. What the viewer may not see does not exist. */
export async function readPost(
  { read, keys, hydrate, origin }: FeedParts,
  { postId, viewerId }: Ask,
  turn: FeedTurn,
): Promise<{ readonly line: Line; readonly degraded: readonly string[] }> {
  const none = () => new Problem('not-found', `There is no post ${postId}.`)
  const gone = () => new Problem('gone', `The post ${postId} was deleted.`)
  const bodyOf = async (key: Key<PostBody>) => {
    const found = await readParts(read, [key], turn)
    return demand(() => found.need(key, 0)).value
  }

  const sheet = createSheet(read, turn)
  const openKey = keys.post(postId, 'public')
  const open = sheet.ask(openKey)
  const visitor = askAbout(viewerId, keys, sheet)
  await sheet.read()
  const said = demand(() => sheet.need(openKey, open)).value
  const { onlooker, marks } = visitor()
  // Whether a post that is not public is a repost is looked up here; that it may be shown is for hydration to decide.
  const audience = said?.kind === 'not-public' ? 'followers' : 'public'
  const body = audience === 'followers' && onlooker ? await bodyOf(keys.post(postId, 'followers')) : said
  if (!body || body.kind === 'not-public') throw none()
  if (body.kind === 'gone') throw gone()

  const root = body.kind === 'repost' ? { root: { id: body.rootId, authorId: body.rootAuthorId } } : {}
  const entry = { activityId: copied(postId), actorId: body.authorId, audience, ...root } as const
  const [line] = await demand(() => hydrate([standalone(entry)], onlooker ? { ...turn, onlooker } : turn))
  if (line) {
    const [mine = line] = onlooker ? await withMine([line], onlooker, marks, origin) : []
    return { line: mine, degraded: [...(onlooker?.degraded ?? [])] }
  }
  if (onlooker?.degraded.has('unproven')) throw unavailable() // in the words of what is not there: nobody learns that it is
  if (audience === 'public' && entry.root && (await bodyOf(keys.post(entry.root.id, 'public')))?.kind === 'gone') throw gone()
  throw none()
}
