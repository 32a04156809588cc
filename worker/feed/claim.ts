import type { Audience } from '../../contract/entry.ts'
import type { Relation } from '../../contract/l2/relation-value.ts'
import type { Key } from '../cache/entry.ts'
import type { Account, FeedKeys, PostBody } from './keys.ts'
import { type Onlooker, setOf } from './onlooker.ts'
import type { Part } from './parts.ts'
import type { Sheet } from './sheet.ts'
import type { Regard, Sight, sightOf } from './visibility.ts'

/** One activity and who made it, and the keys that speak of them: the same for all readers. */
export interface Subject {
  readonly id: string
  readonly authorId: string
  readonly open: Key<PostBody>
  readonly account: Key<Account>
}

/** Where the answer to a key stands, once it is asked. */
interface Asked<V> {
  readonly key: Key<V>
  readonly place: number
}

/** A subject before one reader: what is asked for it. */
export interface Claim {
  readonly subject: Subject
  readonly reader: Regard['reader']
  readonly account: number
  /** The place of the public key's answer; undefined where the hint made another one the first. */
  open: number | undefined
  closed: Asked<PostBody> | undefined
  relation: Asked<Relation> | undefined
}

/** What one reader is shown of a subject. */
export interface Shown {
  readonly body: Part<PostBody>
  readonly account: Part<Account>
  /** By which key the body came: what only followers may see is never kept where others look. */
  readonly audience: Audience
}
export type Verdict = Shown | Exclude<Sight, 'shown'>

/** Subjects before one reader, in two turns: most are told by the first. */
export interface Claims {
  /** `hint` says which key to ask first. */
  claim(subject: Subject, hint: Audience): Claim
  /** Asks what lacks after the first turn. Throws where a part could not be had. */
  askMore(claim: Claim): void
  /** Could all that was asked for it be had, but for a proof? */
  isKnown(claim: Claim): boolean
  /** Throws where a part could not be had. */
  judge(claim: Claim): Verdict
}

/** An `onlooker` of undefined is nobody we know. Bodies that are not public are used only where `decide` was given a proof. */
export function createClaims(sheet: Sheet, keys: FeedKeys, onlooker: Onlooker | undefined, decide: typeof sightOf): Claims {
  const where = onlooker?.where ?? 'page'
  const many = onlooker?.state.many ?? false
  const muted = setOf(onlooker?.state.muted ?? NOBODY)
  const blocked = setOf(onlooker?.state.blocked ?? NOBODY)

  function asked<V>(key: Key<V>): Asked<V> {
    return { key, place: sheet.ask(key) }
  }
  function askRelation(claim: Claim): void {
    if (onlooker && claim.reader === 'user') claim.relation ??= asked(keys.relation(onlooker.viewerId, claim.subject.authorId))
  }
  function askClosed(claim: Claim): void {
    claim.closed = asked(keys.post(claim.subject.id, 'followers'))
    askRelation(claim)
  }
  const relationOf = ({ relation }: Claim): Relation | undefined =>
    (relation && sheet.get(relation.key, relation.place)?.value) ?? undefined

  /** The audience as the keys say, who are believed over the hint. */
  function audienceOf({ subject, open }: Claim): Audience | 'gone' {
    if (open === undefined) return 'followers'
    const { value } = sheet.need(subject.open, open)
    if (!stands(value, subject)) return 'gone'
    return value?.kind === 'not-public' ? 'followers' : 'public'
  }
  function sightOn(claim: Claim, audience: Audience, account: Account | null): Sight {
    const { authorId } = claim.subject
    return decide({
      reader: claim.reader,
      where,
      account: account?.visibility,
      audience,
      blocked: blocked.has(authorId),
      muted: muted.has(authorId),
      many,
      relation: relationOf(claim),
    })
  }

  return {
    claim(subject, hint) {
      const reader = onlooker === undefined ? 'nobody' : onlooker.viewerId === subject.authorId ? 'author' : 'user'
      const isOpen = hint === 'public' || reader === 'nobody'
      const account = sheet.ask(subject.account)
      const open = isOpen ? sheet.ask(subject.open) : undefined
      const claim: Claim = { subject, reader, account, open, closed: undefined, relation: undefined }
      if (!isOpen) askClosed(claim)
      else if (many) askRelation(claim)
      return claim
    },
    askMore(claim) {
      const { subject, reader, account } = claim
      const audience = audienceOf(claim)
      if (reader === 'nobody' || audience === 'gone') return
      const { value } = sheet.need(subject.account, account)
      if (audience === 'public' && value?.visibility === 'open') return
      if (claim.closed === undefined) {
        if (sightOn(claim, audience, value) !== 'hidden') askClosed(claim)
      } else if (value?.visibility === 'open' && relationOf(claim)?.as === 'stranger') claim.open = sheet.ask(subject.open) // since it was hinted, it may have become public
    },
    isKnown: ({ subject, account, open, closed }) =>
      sheet.get(subject.account, account) !== undefined &&
      (open === undefined || sheet.get(subject.open, open) !== undefined) &&
      (closed === undefined || sheet.get(closed.key, closed.place) !== undefined),
    judge(claim) {
      const { subject, closed } = claim
      const audience = audienceOf(claim)
      if (audience === 'gone') return 'hidden'
      const account = sheet.need(subject.account, claim.account)
      const sight = sightOn(claim, audience, account.value)
      if (sight !== 'shown') return sight
      if (claim.open !== undefined && audience === 'public' && account.value?.visibility === 'open')
        return { body: sheet.need(subject.open, claim.open), account, audience }
      const body = closed && sheet.need(closed.key, closed.place)
      return body && stands(body.value, subject) ? { body, account, audience: 'followers' } : 'hidden'
    },
  }
}

const NOBODY: readonly string[] = []

/** Is there something, and of this author? A damaged list must not have one author's post shown on the proof of another. */
const stands = (value: PostBody | null, { authorId }: Subject): boolean =>
  value !== null && value.kind !== 'gone' && value.authorId === authorId
