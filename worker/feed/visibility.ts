import type { Audience } from '../../contract/entry.ts'
import type { Relation } from '../../contract/l2/relation-value.ts'
import type { Visibility } from '../../contract/l2/user-value.ts'

/** `unproven`: it may be shown only on a proof that neither L2 nor the origin could give. Treated as hidden, and the page says so. */
export type Sight = 'shown' | 'hidden' | 'unproven'

/** One author's activity before one pair of eyes. Undefined stands for what is not known. */
export interface Regard {
  /** How the reader stands to the author: the author; another user; nobody we know. */
  readonly reader: 'author' | 'user' | 'nobody'
  /** Is it in a feed, or was the author's page or the post itself asked for? A mute counts in feeds only. */
  readonly where: 'feed' | 'page'
  /** The author's account; undefined where there is none any more. */
  readonly account: Visibility | undefined
  /** Of the activity itself, as its keys say. */
  readonly audience: Audience | undefined
  /** By the reader's own lists: one of the two blocks the other; the reader muted the author. */
  readonly blocked: boolean
  readonly muted: boolean
  /** Those lists are cut: whoever they do not name may be hidden nevertheless. */
  readonly many: boolean
  /** What this request was told of reader and author. */
  readonly relation: Relation | undefined
}

/**
 * Who may see what: the one place that decides it, of a post, of a repost by its actor, and of the post a repost shows by its author. Fails closed:
 * what is not known is not shown.
 *
 * 1. Nobody sees anything of an account that is gone or suspended.
 * 2. Authors see what is theirs.
 * 3. Where one blocks the other, neither sees anything; what is muted is not in feeds. For a reader of `many`, only a relation that was asked
 *    for says that it is not so.
 * 4. Everybody sees what is public: it was posted to everybody, and its author's account is open now.
 * 5. The rest only proven followers see.
 */
export function sightOf({ reader, where, account, audience, blocked, muted, many, relation }: Regard): Sight {
  if (account === undefined || account === 'suspended') return 'hidden'
  if (reader === 'author') return 'shown'
  const isPublic = account === 'open' && audience === 'public'
  if (reader === 'nobody') return isPublic ? 'shown' : 'hidden'
  if (blocked || relation?.as === 'blocked') return 'hidden'
  if (where === 'feed' && (muted || relation?.muted)) return 'hidden'
  if (audience === undefined) return 'hidden'
  if (isPublic && !many) return 'shown'
  if (relation === undefined) return 'unproven'
  return isPublic || relation.as === 'follower' ? 'shown' : 'hidden'
}

const NONE: Relation = { as: 'blocked', muted: false }

/** The relation in what was answered for it. An absence is an answer: one of the two accounts is gone, and nothing is shown. */
export const relationIn = (answer: { readonly value: Relation | null } | undefined): Relation | undefined =>
  answer && (answer.value ?? NONE)

/** What of an author's page: nothing, for one of four reasons; what is public; or what followers see as well. */
export type Gate = 'not-found' | 'blocked' | 'private' | 'unproven' | 'public' | 'all'

/** What a reader may have of an author's page. */
export function gateOf(regard: Omit<Regard, 'where' | 'audience'>): Gate {
  if (regard.account === undefined || regard.account === 'suspended') return 'not-found'
  if (sightOf({ ...regard, where: 'page', audience: 'followers' }) === 'shown') return 'all'
  const open = sightOf({ ...regard, where: 'page', audience: 'public' })
  if (open !== 'hidden') return open === 'shown' ? 'public' : 'unproven'
  return regard.blocked || regard.relation?.as === 'blocked' ? 'blocked' : 'private'
}
