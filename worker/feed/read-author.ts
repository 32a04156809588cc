import type { Cursor } from '../../contract/cursor.ts'
import { Problem } from '../../contract/problem.ts'
import { hasMoreForFollowers, type Timeline } from '../../contract/timeline.ts'
import { demand } from './demand.ts'
import { createWalk } from './fold.ts'
import { sourceOf } from './merge.ts'
import { withMine } from './mine.ts'
import { setOf } from './onlooker.ts'
import { paginate } from './paginate.ts'
import type { FeedTurn } from './parts.ts'
import { positionAfter } from './position.ts'
import type { FeedPage, FeedParts } from './read-feed.ts'
import { createSheet } from './sheet.ts'
import { type Gate, gateOf, relationIn } from './visibility.ts'
import { askAbout } from './visitor.ts'

interface Ask {
  readonly authorId: string
  /** Undefined for nobody we know. */
  readonly viewerId: string | undefined
  readonly cursor: Cursor | undefined
  readonly limit: number
}

/** A page of what one author brought: posts and reposts, each a line of its own, as far as the viewer may see them. */
export async function readAuthor(
  { read, keys, hydrate, origin }: FeedParts,
  { authorId, viewerId, cursor, limit }: Ask,
  turn: FeedTurn,
): Promise<FeedPage> {
  const degraded = new Set<string>()
  const sheet = createSheet(read, turn)
  const openKey = keys.author(authorId, 'public')
  const accountKey = keys.user(authorId)
  const open = sheet.ask(openKey)
  const account = sheet.ask(accountKey)
  const visitor = askAbout(viewerId, keys, sheet)
  await sheet.read()
  const list = demand(() => sheet.need(openKey, open)).value
  const visibility = demand(() => sheet.need(accountKey, account)).value?.visibility
  const { onlooker, marks } = visitor()
  if (!list) throw new Problem('not-found', `There is no user ${authorId}.`)

  const isMore = visibility === 'private' || hasMoreForFollowers(list)
  const closed = await passGate()
  const sources = [list, ...closed].map(sourceOf)
  const page = await paginate(
    {
      walk: createWalk(sources, { anchor: undefined, below: cursor?.last, fold: false, hidden: () => false }),
      older: (below, size) => origin.olderOfAuthor({ authorId, viewerId: onlooker?.viewerId, below, limit: size }),
      originKnowsAll: true,
      below: cursor?.last,
    },
    limit,
    hydrate,
    onlooker ? { ...turn, onlooker } : turn,
  )
  if (page.isShort) degraded.add('incomplete')
  return {
    ...positionAfter(sources, { kind: 'scroll', cursor }, page),
    lines: onlooker ? await withMine(page.lines, onlooker, marks, origin) : page.lines,
    source: 'author',
    degraded: [...degraded, ...(onlooker?.degraded ?? [])],
  }

  /** Throws where the page is not for this reader; brings what is for followers only where this one provably is one. */
  async function passGate(): Promise<readonly Timeline[]> {
    const reader = onlooker === undefined ? 'nobody' : onlooker.viewerId === authorId ? 'author' : 'user'
    const { muted, blocked, many } = onlooker?.state ?? STRANGER
    const regard = { reader, account: visibility, blocked: setOf(blocked).has(authorId), muted: setOf(muted).has(authorId), many } as const
    const first = gateOf({ ...regard, relation: undefined })
    if (!onlooker || refused(first) || !(isMore || many)) {
      admitted(first)
      return []
    }
    const closedKey = keys.author(authorId, 'followers')
    const relationKey = keys.relation(onlooker.viewerId, authorId)
    const place = sheet.ask(closedKey)
    const proof = reader === 'user' ? sheet.ask(relationKey) : undefined
    await sheet.read()
    const relation = proof === undefined ? undefined : relationIn(sheet.get(relationKey, proof))
    const gate = admitted(gateOf({ ...regard, relation }))
    if (gate === 'public' && relation === undefined) degraded.add('unproven')
    if (gate !== 'all') return []
    const closed = sheet.get(closedKey, place)
    if (!closed) degraded.add('incomplete')
    return closed?.value ? [closed.value] : []
  }

  function admitted(gate: Gate): Gate {
    switch (gate) {
      case 'not-found':
        throw new Problem('not-found', `There is no user ${authorId}.`)
      case 'blocked':
        throw new Problem('blocked', 'You block this user, or they block you.')
      case 'private':
        throw new Problem('private-account', 'This account is private. Follow it to see what it posts.')
      case 'unproven':
        throw new Problem('origin-unavailable', 'Whether you may see this could not be proved in time.')
      default:
        return gate
    }
  }
}

const STRANGER = { muted: [], blocked: [], many: false }

/** What no proof could change. */
const refused = (gate: Gate): boolean => gate === 'not-found' || gate === 'blocked'
