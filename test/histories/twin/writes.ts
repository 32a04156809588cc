import type { Audience } from '../../../contract/entry.ts'
import { keyOf } from '../../../contract/l2/keys.ts'
import { encodePostValue } from '../../../contract/l2/post-value.ts'
import type { Raised } from '../../../contract/version-token.ts'
import type { HistoryClock } from '../clock.ts'
import type { Write } from '../driver.ts'
import * as debts from './debts.ts'
import type { Server, Servers } from './origin.ts'
import * as people from './people.ts'
import * as posts from './posts.ts'
import type { Process } from './process.ts'
import type { Drop, InvalidationRow, PostRow } from './rows.ts'
import { need } from './rows.ts'
import type { State } from './state.ts'
import { dropRows, inTimelines } from './timelines.ts'

/** What a write answers: which id it made, and what it raised; or why it was refused. */
export type Written =
  | { readonly id?: string | undefined; readonly raised: Raised; readonly requested?: boolean }
  | { readonly refused: string }

const TOMBSTONE = encodePostValue({ kind: 'gone' })
const AUDIENCES: readonly Audience[] = ['public', 'followers']
const dropsOf = (raised: Raised): Drop[] => Object.entries(raised).map(([key, truth]) => ({ key, truth, replacement: null }))

/** The twin of origin/fanout/raised.ts. */
const raisedBetween = (viewerId: string, authorId: string, versions: people.Versions, timeline: boolean): Raised => ({
  ...(timeline ? { [keyOf.timeline(viewerId)]: versions.followVersion } : {}),
  [keyOf.viewer(viewerId)]: versions.viewVersion,
  [keyOf.relation(viewerId, authorId)]: versions.viewVersion,
})
const keysBetween = (viewerId: string, authorId: string): string[] =>
  Object.keys(raisedBetween(viewerId, authorId, { viewVersion: 0, followVersion: 0 }, true))

interface Change {
  readonly raised: Raised
  readonly drops?: readonly Drop[]
}
function marked(userId: string, rootId: string, versions: posts.MarksRaised | undefined): Required<Change> | undefined {
  if (!versions) return undefined
  const marks = { [keyOf.marks(userId)]: versions.marksVersion }
  return { raised: { ...marks, [keyOf.counts(rootId)]: versions.countsVersion }, drops: dropsOf(marks) }
}

/** The second half of a follow: the copy of the history, in a transaction of its own. Undefined when somebody else has done it. */
export async function backfillNow(state: State, process: Process, viewerId: string, authorId: string, history?: readonly PostRow[]) {
  return process.step(() => {
    const versions = people.backfill(state, viewerId, authorId, history ?? inTimelines(state, authorId))
    if (!versions) return undefined
    const raised = raisedBetween(viewerId, authorId, versions, true)
    return { owed: debts.insertInvalidations(state, dropsOf(raised)), raised }
  })
}

/** The writes of the API: the twins of origin/routes, step by step. */
export function createWrites(state: State, { served, ring, owed, tiersChanged }: Servers, clock: HistoryClock) {
  const { has } = state

  /** A change and the invalidations it owes, carried out before it is acknowledged. */
  async function carryOut({ process, delivery }: Server, keys: readonly string[], write: () => Change | undefined): Promise<Written> {
    const { rows, raised } = await process.step((): { rows: InvalidationRow[]; raised: Raised } => {
      const change = write()
      if (!change) return { rows: debts.owedFor(state, keys), raised: {} }
      return { rows: debts.insertInvalidations(state, change.drops ?? dropsOf(change.raised)), raised: change.raised }
    })
    owed()
    await delivery.settle(rows)
    return { raised }
  }

  async function insert(
    server: Server,
    activity: Omit<PostRow, 'id' | 'root' | 'mode' | 'version' | 'deleted'>,
    rootOf?: () => PostRow | string,
  ) {
    const { process, delivery } = server
    // The id is minted inside the transaction, which may commit much later.
    const id = process.mint()
    if (id === undefined) return { refused: 'clock-skew' }
    const { authorId } = activity
    const made = await process.step(() => {
      const root = rootOf?.()
      if (typeof root === 'string') return root
      const shown = root && { id: root.id, authorId: root.authorId }
      const written = posts.insertActivity(state, { ...activity, id, root: shown })
      if (!written) return undefined
      const { audience, postVersion, firstForFollowers, marks } = written
      const told = firstForFollowers ? { [keyOf.author(authorId, 'public')]: postVersion } : {}
      const change = root && marked(authorId, root.id, marks)
      const rows = debts.insertInvalidations(state, [...dropsOf(told), ...(change?.drops ?? [])])
      const lists = audience === 'followers' ? AUDIENCES : [audience]
      return { rows, raised: { ...Object.fromEntries(lists.map((one) => [keyOf.author(authorId, one), postVersion])), ...change?.raised } }
    })
    if (typeof made === 'string') return { refused: made }
    if (!made) return posts.isWithdrawn(state, authorId) ? { refused: 'forbidden' } : { raised: {} }
    ring()
    owed()
    await delivery.settle(made.rows)
    return { id, raised: made.raised }
  }

  function remove(server: Server, id: string, authorId: string): Promise<Written> {
    const bodies = AUDIENCES.map((audience) => keyOf.post(id, audience))
    const lists = AUDIENCES.map((audience) => keyOf.author(authorId, audience))
    return carryOut(server, [...bodies, ...lists, keyOf.marks(authorId)], () => {
      const gone = posts.deleteActivity(state, id)
      if (!gone) return undefined
      const change = gone.rootId === undefined ? undefined : marked(authorId, gone.rootId, gone.marks)
      const listed = Object.fromEntries(lists.map((key) => [key, gone.postVersion]))
      return {
        raised: { ...Object.fromEntries(bodies.map((key) => [key, gone.truth])), ...listed, ...change?.raised },
        drops: [...bodies.map((key) => ({ key, truth: gone.truth, replacement: TOMBSTONE })), ...dropsOf(listed), ...(change?.drops ?? [])],
      }
    })
  }

  async function undo(server: Server, who: string, postId: string): Promise<Written> {
    const post = state.posts.get(postId)
    if (!post) return { refused: 'not-found' }
    const standing = await server.process.step(() => posts.findRepost(state, who, post.root?.id ?? post.id))
    if (standing) return remove(server, standing.id, who)
    if (!post.deleted && posts.seenPost(state, who, postId) === 'not-found') return { refused: 'not-found' }
    await server.delivery.settle(debts.owedFor(state, [keyOf.marks(who), ...AUDIENCES.map((audience) => keyOf.author(who, audience))]))
    return { raised: {} }
  }

  async function follow({ process, delivery }: Server, viewerId: string, authorId: string, accepted: boolean): Promise<Written> {
    const seen = has('backfill inside the follow') ? await process.step(() => inTimelines(state, authorId)) : undefined
    const outcome = await process.step(() => {
      if (accepted && !state.requests.has(`${viewerId} ${authorId}`))
        return need(state.follows, viewerId).has(authorId) ? 'already' : 'not-found'
      return people.insertFollow(state, viewerId, authorId, accepted)
    })
    if (outcome === 'requested') return { raised: {}, requested: true }
    if (outcome !== 'created' && outcome !== 'already') return { refused: accepted && outcome === 'forbidden' ? 'not-found' : outcome }
    owed()
    tiersChanged()
    const settled = await backfillNow(state, process, viewerId, authorId, seen)
    owed()
    await delivery.settle(settled?.owed ?? debts.owedFor(state, keysBetween(viewerId, authorId)))
    return { raised: accepted ? {} : (settled?.raised ?? {}) }
  }

  async function leave(server: Server, viewerId: string, authorId: string): Promise<Written> {
    const written = await carryOut(server, keysBetween(viewerId, authorId), () => {
      const gone = people.deleteFollow(state, viewerId, authorId)
      return gone && { raised: raisedBetween(viewerId, authorId, gone, false) }
    })
    tiersChanged()
    if (has('cleanup after refollow')) void clock.sleep(700).then(() => server.process.step(() => dropRows(state, viewerId, authorId)))
    return written
  }

  const isActive = (userId: string): boolean => !posts.isWithdrawn(state, userId)
  const accountKeys = (userId: string): string[] => [keyOf.user(userId), ...AUDIENCES.map((audience) => keyOf.author(userId, audience))]
  const raisedBy = (userId: string, { version, postVersion }: { readonly version: number; readonly postVersion: number }): Raised => ({
    [keyOf.user(userId)]: version,
    ...Object.fromEntries(AUDIENCES.map((audience) => [keyOf.author(userId, audience), postVersion])),
  })

  function changeAccount(server: Server, userId: string, what: 'private' | 'suspended', value: boolean): Promise<Written> {
    return carryOut(server, accountKeys(userId), () => {
      const versions = people.changeAccount(state, userId, what, value)
      return versions && { raised: raisedBy(userId, versions) }
    })
  }

  function run(server: Server, what: Write): Promise<Written> | Written {
    const { who } = what
    switch (what.does) {
      case 'post':
        return insert(server, { authorId: who, text: what.text, audience: what.audience })
      case 'repost':
        return insert(server, { authorId: who, text: undefined, audience: 'public' }, () => {
          if (!isActive(who)) return 'forbidden'
          const root = posts.seenPost(state, who, what.post)
          if (typeof root === 'string') return root
          return posts.audienceOf(state, root) === 'public' ? root : 'forbidden'
        })
      case 'undo':
        return undo(server, who, what.post)
      case 'delete': {
        const post = state.posts.get(what.post)
        if (!post) return { refused: 'not-found' }
        if (post.authorId === who) return remove(server, what.post, who)
        const seen = posts.seenPost(state, who, what.post)
        return { refused: typeof seen === 'string' ? seen : 'forbidden' }
      }
      case 'like': {
        if (!isActive(who)) return { refused: 'forbidden' }
        const root = posts.seenPost(state, who, what.post)
        if (typeof root === 'string') return { refused: root }
        return carryOut(server, [keyOf.marks(who)], () => marked(who, root.id, posts.like(state, who, root.id, true)))
      }
      case 'unlike': {
        const post = state.posts.get(what.post)
        if (!post) return { refused: 'not-found' }
        const rootId = post.root?.id ?? post.id
        // Whether a post that one may not see exists is not told.
        const seen = state.likes.get(who)?.has(rootId) || post.deleted || posts.seenPost(state, who, what.post)
        if (typeof seen === 'string') return { refused: seen }
        return carryOut(server, [keyOf.marks(who)], () => marked(who, rootId, posts.like(state, who, rootId, false)))
      }
      case 'follow':
        return follow(server, who, what.whom, false)
      case 'accept':
        return isActive(who) ? follow(server, what.whom, who, true) : { refused: 'forbidden' }
      case 'unfollow':
        return leave(server, who, what.whom)
      case 'mute':
      case 'unmute':
        return carryOut(server, keysBetween(who, what.whom), () => {
          const versions = people.mute(state, who, what.whom, what.does === 'mute')
          return versions && { raised: raisedBetween(who, what.whom, versions, false) }
        })
      case 'block':
      case 'unblock':
        return carryOut(server, [...keysBetween(who, what.whom), ...keysBetween(what.whom, who)], () => {
          const both = people.block(state, who, what.whom, what.does === 'block')
          tiersChanged()
          if (!both) return undefined
          const raised = raisedBetween(who, what.whom, both[0], false)
          return { raised, drops: dropsOf({ ...raised, ...raisedBetween(what.whom, who, both[1], false) }) }
        })
      case 'go private':
      case 'go public':
        return changeAccount(server, who, 'private', what.does === 'go private')
      case 'suspend':
      case 'reinstate':
        return changeAccount(server, who, 'suspended', what.does === 'suspend')
      case 'delete account':
        return carryOut(server, [...accountKeys(who), keyOf.viewer(who), keyOf.timeline(who), keyOf.marks(who)], () => {
          const versions = people.deleteAccount(state, who)
          if (!versions) return undefined
          const { viewVersion, followVersion, marksVersion } = versions
          const viewer = { [keyOf.viewer(who)]: viewVersion, [keyOf.timeline(who)]: followVersion, [keyOf.marks(who)]: marksVersion }
          return { raised: { ...raisedBy(who, versions), ...viewer } }
        })
    }
  }

  return (what: Write): Promise<Written> =>
    served(async (server) => {
      if (need(state.users, what.who).deleted) return { refused: 'unauthorized' }
      return run(server, what)
    })
}
