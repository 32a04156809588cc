import { type Audience, type Entry, rootAuthorOf, rootIdOf } from '../../contract/entry.ts'
import type { Counts } from '../../contract/l2/counts-value.ts'
import type { Key } from '../cache/entry.ts'
import type { ReadThrough } from '../cache/read-through.ts'
import { type Claim, type Claims, createClaims, type Shown, type Subject } from './claim.ts'
import { type Fingerprint, fingerprintOf } from './entity-tag.ts'
import type { Candidate } from './fold.ts'
import type { Account, FeedKeys, PostBody } from './keys.ts'
import { createMemo } from './memo.ts'
import { overlaid } from './overlay.ts'
import { lineBytes } from './page-body.ts'
import type { FeedTurn, Part } from './parts.ts'
import { repostersOf } from './reposters.ts'
import { createSheet, type Sheet } from './sheet.ts'
import { sightOf } from './visibility.ts'

/** A line of a page, written down. */
export interface Line {
  readonly activityId: string
  /** The post that is shown, and who wrote it. */
  readonly rootId: string
  readonly authorId: string
  /** The post as JSON, the same for all who may see it. */
  readonly json: Uint8Array<ArrayBuffer>
  /** What only this reader's page says of it: more members of that object, each behind a comma. Never kept. */
  readonly overlay?: string
  /** Changes whenever one of the parts changes: what an ETag is made of. */
  readonly fingerprint: Fingerprint
}

/**
 * Reads the parts of all candidates, mostly in one turn, and answers what the reader of the turn may see; undefined for a line that is not to
 * be shown. Throws where a part could not be had; where a proof could not, the line is withheld and the onlooker told `unproven`.
 */
export type Hydrate = (candidates: readonly Candidate[], turn: FeedTurn) => Promise<(Line | undefined)[]>

/** What an entry asks of the cache, and what it became when it was last written down: the same for all readers who may see it. */
interface Draft {
  readonly entry: Entry
  readonly activity: Subject
  /** The post that is shown: `activity` itself unless that is a repost. */
  readonly root: Subject
  readonly counts: Key<Counts>
  /** By audience: what only followers may see lies apart, and is looked at only where this reader was proven to be one. */
  readonly written: Partial<Record<Audience, Written>>
}
interface Written {
  readonly post: Part<PostBody>
  readonly author: Part<Account>
  /** Who reposted. */
  readonly actor: Part<Account> | undefined
  readonly counts: Counts | undefined
  readonly line: Line
}

/** A candidate, and what is asked for it. */
interface Asking {
  readonly draft: Draft
  /** The repost that brought the post here. */
  readonly repost: Claim | undefined
  readonly root: Claim
  readonly counts: number
  readonly newer: readonly Claim[]
  readonly older: readonly Claim[]
}

/** The other lines of all candidates, by activity, each asked for once: a post that hundreds reposted has as many lines, each newer than the next. */
interface Others {
  readonly newer: Map<string, Claim>
  readonly older: Map<string, Claim>
}

/** What drafts may take of an isolate's memory (bytes): some two thousand lines. */
const MAX_DRAFT_BYTES = 4 * 1024 * 1024
const DRAFT_BYTES = 1_400
const NONE: readonly Claim[] = []

/**
 * Turns lines into posts. A line shows nothing when the reader may not see its post, or its repost, or a newer line shows its root.
 * `decide` is another one only where a test wants to see what it is for.
 */
export function createHydrate(cache: ReadThrough, keys: FeedKeys, decide = sightOf): Hydrate {
  const drafts = createMemo<Draft>(MAX_DRAFT_BYTES)

  const subjectOf = (id: string, authorId: string): Subject => ({
    id,
    authorId,
    open: keys.post(id, 'public'),
    account: keys.user(authorId),
  })
  function draftOf(entry: Entry): Draft {
    const known = drafts.get(entry.activityId)
    if (known && isSame(known.entry, entry)) return known
    const activity = subjectOf(entry.activityId, entry.actorId)
    const root = entry.root ? subjectOf(entry.root.id, entry.root.authorId) : activity
    const draft: Draft = { entry, activity, root, counts: keys.counts(root.id), written: {} }
    drafts.set(entry.activityId, draft, DRAFT_BYTES)
    return draft
  }

  function askFor({ entry, newer, older }: Candidate, sheet: Sheet, claims: Claims, others: Others): Asking {
    const draft = draftOf(entry)
    const claimsOf = (entries: readonly Entry[], known: Map<string, Claim>) =>
      entries.map((other) => {
        const claim = known.get(other.activityId) ?? claims.claim(draftOf(other).activity, other.audience)
        known.set(other.activityId, claim)
        return claim
      })
    return {
      draft,
      repost: entry.root ? claims.claim(draft.activity, entry.audience) : undefined,
      root: claims.claim(draft.root, entry.root ? 'public' : entry.audience), // only what is public can be reposted
      counts: sheet.ask(draft.counts),
      newer: newer.length > 0 ? claimsOf(newer, others.newer) : NONE,
      older: older.length > 0 ? claimsOf(older, others.older) : NONE,
    }
  }

  /** The line as it is kept, or as it is now. */
  function write(draft: Draft, root: Shown, repost: Shown | undefined, counts: Counts | undefined): Line | undefined {
    const { body, account } = root
    if (body.value?.kind !== 'post' || account.value === null) return undefined
    const actor = repost?.account
    const audience = root.audience === 'public' && repost?.audience !== 'followers' ? 'public' : 'followers'
    const known = draft.written[audience]
    if (known && isUnchanged(known.post, body) && isUnchanged(known.author, account) && isUnchanged(known.actor, actor))
      if (known.counts === counts) return known.line
    const { activityId } = draft.entry
    const { id: rootId, authorId } = draft.root
    const line = {
      activityId,
      rootId,
      authorId,
      json: lineBytes({ activityId, post: body.value.json, author: account.value.json, repostedBy: actor?.value?.json, counts }),
      fingerprint: fingerprintOf(
        `${activityId}.${rootId}.${audience}.${body.truth}.${authorId}.${account.truth}.${actor?.truth ?? ''}.${counts?.likes}.${counts?.reposts}`,
      ),
    }
    draft.written[audience] = { post: seen(body), author: seen(account), actor: actor && seen(actor), counts, line }
    drafts.set(activityId, draft, DRAFT_BYTES + 2 * line.json.length) // and as much in the parts
    return line
  }

  return async (candidates, turn) => {
    const sheet = createSheet(cache, turn)
    const claims = createClaims(sheet, keys, turn.onlooker, decide)
    const others: Others = { newer: new Map(), older: new Map() }
    const lines = candidates.map((candidate) => askFor(candidate, sheet, claims, others))
    const first = sheet.read()
    if (first) await first
    for (const { root, repost } of lines) {
      claims.settle(root)
      if (repost) claims.settle(repost)
    }
    for (const claim of others.newer.values()) claims.settle(claim)
    for (const claim of others.older.values()) if (claims.isKnown(claim)) claims.settle(claim)
    const second = sheet.read()
    if (second) await second

    function judge(claim: Claim): Shown | undefined {
      const verdict = claims.judge(claim)
      if (typeof verdict !== 'string') return verdict
      if (verdict === 'unproven') turn.onlooker?.degraded.add('unproven')
      return undefined
    }
    /** A newer line that cannot be proven hides too: it may have been shown, and no root comes twice. */
    const hides = (claim: Claim): boolean => judge(claim) !== undefined || claims.judge(claim) === 'unproven'

    return lines.map(({ draft, root, repost, counts, newer, older }) => {
      const brought = repost && judge(repost)
      if (repost && !brought) return undefined
      const post = judge(root)
      if (!post || newer.some(hides)) return undefined
      const line = write(draft, post, brought, sheet.get(draft.counts, counts)?.value ?? undefined)
      if (!line || older.length === 0 || !brought) return line
      const others = older.flatMap((claim) => (claims.isKnown(claim) ? (judge(claim)?.account ?? []) : []))
      return overlaid(line, repostersOf([brought.account, ...others]))
    })
  }
}

/** An entry follows from its activity; what a damaged list said of one must not stay. */
const isSame = (a: Entry, b: Entry): boolean =>
  a === b || (a.actorId === b.actorId && rootIdOf(a) === rootIdOf(b) && rootAuthorOf(a) === rootAuthorOf(b))

const isUnchanged = (then: Part<unknown> | undefined, now: Part<unknown> | undefined): boolean =>
  then?.value === now?.value && then?.truth === now?.truth

/** An answer without what else it may hold on to. */
const seen = <V>({ value, truth }: Part<V>): Part<V> => ({ value, truth })

/** One entry as a candidate that nothing hides. */
export const standalone = (entry: Entry): Candidate => ({ entry, newer: [], older: [] })
