import type { Audience } from '../../contract/entry.ts'
import { mintedAtMs } from '../../contract/ids.ts'
import { encodeList, encodeMarks } from '../../contract/l2/codec.ts'
import { encodeCounts } from '../../contract/l2/counts-value.ts'
import { encodePostValue } from '../../contract/l2/post-value.ts'
import { encodeRelation } from '../../contract/l2/relation-value.ts'
import { encodeUserValue, type Visibility } from '../../contract/l2/user-value.ts'
import { AUTHOR_LIST_CAP, MARKS_CAP, MAX_HIDDEN, MERGED_CAP, TIMELINE_CAP, type ViewerState } from '../../contract/timeline.ts'
import type { AuthorRow } from '../db/author-lists.ts'
import type { EntryRow } from '../db/entries.ts'
import type { CountsRow, MarksRow } from '../db/likes.ts'
import type { PostRow } from '../db/posts.ts'
import type { HiddenRow, RelationRow } from '../db/relations.ts'
import type { UserRow } from '../db/users.ts'
import type { ViewerRow } from '../db/viewers.ts'

/**
 * What each key holds, as functions of rows. A truth version never falls, and two rows with the same one make the same payload: it is a counter
 * that every change behind the key raises, or a sum of such counters, which a snapshot reads all at once. Two changes come a moment before their
 * truth: a follow, which raises it when its history is copied, and what leaves a list by its age alone. And ties to a deleted account go without it:
 * `us:` shows nothing of that any more.
 */
export interface Made {
  readonly truth: number
  /** In the codec of `contract/l2`; null where there is nothing, which is remembered too. */
  readonly payload: string | null
}

/** Truth of `po:`: who may see a post changes with the account of its author as well. Nothing else makes a sum of two rows. */
export const truthOfPost = (post: Pick<PostRow, 'version' | 'visibilityVersion'>): number => post.version + post.visibilityVersion

/** `po:`. The key of the followers holds the body whoever may see it; that of the public names only the author where not everybody may. */
export function postValue(post: PostRow, audience: Audience): Made {
  return { truth: truthOfPost(post), payload: encodePostValue(bodyOf(post, audience)) }
}

function bodyOf(post: PostRow, audience: Audience): Parameters<typeof encodePostValue>[0] {
  const authorId = String(post.authorId)
  if (post.deleted || post.withdrawn) return { kind: 'gone' }
  if (audience === 'public' && post.audience !== 'public') return { kind: 'not-public', authorId }
  return post.rootId === null || post.rootAuthorId === null
    ? { kind: 'post', authorId, json: jsonOf(post) }
    : { kind: 'repost', authorId, rootId: String(post.rootId), rootAuthorId: String(post.rootAuthorId) }
}

/** A post as every reader's page will contain it, without anything of the viewer. */
const jsonOf = ({ id, text, audience }: PostRow): string =>
  JSON.stringify({ id: String(id), text, created_at: new Date(mintedAtMs(String(id))).toISOString(), audience })

/** `us:`. */
export function userValue({ id, handle, name, version, ...account }: UserRow): Made {
  const visibility: Visibility = account.suspended ? 'suspended' : account.private ? 'private' : 'open'
  const json = JSON.stringify({ id: String(id), handle, name })
  return { truth: version, payload: account.deleted ? null : encodeUserValue({ visibility, json }) }
}

/** `vw:`. A suspended viewer reads on; a deleted one does not. Blocks go before mutes where there is no room for all. */
export function viewerValue(viewer: ViewerRow, left: readonly string[], { muted, blocked, followsNobody }: HiddenRow): Made {
  const state: Omit<ViewerState, 'many' | 'followsNobody'> = {
    followVersion: viewer.followVersion,
    left,
    muted: muted.slice(0, Math.max(0, MAX_HIDDEN - blocked.length)),
    blocked: blocked.slice(0, MAX_HIDDEN),
  }
  const many = muted.length + blocked.length > MAX_HIDDEN
  const payload = JSON.stringify({ ...state, ...(many ? { many } : {}), ...(followsNobody ? { followsNobody } : {}) })
  return { truth: viewer.viewVersion, payload: viewer.deleted ? null : payload }
}

/**
 * `rel:`. Its truth is the viewer's alone: a follow, mute or block that begins or ends raises it in its own transaction, whoever of the two
 * did it. A sum with a counter of the author's would need a lock on both rows to be safe. What an account shows to whom is told by `us:` and `po:`.
 */
export function relationValue(row: RelationRow): Made {
  const own = row.viewerId === row.authorId
  const as = row.blocked ? 'blocked' : row.follows || own ? 'follower' : 'stranger'
  return { truth: row.viewVersion, payload: row.standing ? encodeRelation({ as, muted: row.muted }) : null }
}

/** `tl:`, of at most `cap + 1` rows, newest first. */
export function timelineValue(viewer: ViewerRow, rows: readonly EntryRow[], candidates: readonly string[], cap = TIMELINE_CAP): Made {
  const completeSince = String(rows[cap]?.activityId ?? viewer.completeSince)
  return { truth: viewer.followVersion, payload: encodeList({ completeSince, candidates, entries: rows.slice(0, cap) }) }
}

/** `au:`, of at most `cap + 1` rows, newest first. The public list names its author where followers may see more. */
export function authorValue(author: AuthorRow, audience: Audience, rows: readonly EntryRow[], cap = AUTHOR_LIST_CAP): Made {
  const completeSince = String(rows[cap]?.activityId ?? 0n)
  const candidates = audience === 'public' && author.hasForFollowers ? [String(author.authorId)] : []
  const payload = encodeList({ completeSince, candidates, entries: rows.slice(0, cap) })
  return { truth: author.postVersion, payload: author.deleted ? null : payload }
}

/** `mg:`, of at most `cap + 1` rows, newest first. It knows the follows of its truth version; posts make it no newer, it is used for seconds. */
export function mergedValue(viewer: ViewerRow, rows: readonly EntryRow[], cap = MERGED_CAP): Made {
  const completeSince = String(rows[cap]?.activityId ?? 0n)
  const payload = encodeList({ completeSince, candidates: [], entries: rows.slice(0, cap) })
  return { truth: viewer.followVersion, payload: viewer.deleted ? null : payload }
}

/** `co:`; undefined for a post that nobody ever liked or reposted. */
export function countsValue(counts: CountsRow | undefined): Made {
  return { truth: counts?.version ?? 0, payload: encodeCounts(counts ?? { likes: 0, reposts: 0 }) }
}

/** `my:`, of the newest `MARKS_CAP + 1` posts of each kind, newest first: of both together the newest `MARKS_CAP`. */
export function marksValue(viewer: ViewerRow, { liked, reposted }: MarksRow): Made {
  const posts = [...new Set([...liked, ...reposted])].sort().reverse()
  const completeSince = posts[MARKS_CAP] ?? '0'
  const above = (ids: readonly string[]) => ids.filter((id) => id > completeSince)
  const payload = encodeMarks({ completeSince, liked: above(liked), reposted: above(reposted) })
  return { truth: viewer.marksVersion, payload: viewer.deleted ? null : payload }
}
