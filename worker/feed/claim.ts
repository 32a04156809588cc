import type { Audience } from '../../contract/entry.ts'
import type { Relation } from '../../contract/l2/relation-value.ts'
import type { Key } from '../cache/entry.ts'
import type { Account, FeedKeys, PostBody } from './keys.ts'
import { type Onlooker, setOf } from './onlooker.ts'
import type { Part } from './parts.ts'
import type { Sheet } from './sheet.ts'
import { type Regard, relationIn, type Sight, type sightOf } from './visibility.ts'

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
  /** Undefined until what was asked tells it. */
  verdict: Verdict | undefined
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
  /** Judges after the first turn; where that does not tell, asks what lacks. Throws where a part could not be had. */
  settle(claim: Claim): void
  /** Judges after the last turn. Throws where a part could not be had. */
  judge(claim: Claim): Verdict
  /** Could all that was asked for it be had, but for a proof? */
  isKnown(claim: Claim): boolean
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
  const relationOf = ({ key, place }: Asked<Relation>): Relation | undefined => relationIn(sheet.get(key, place))

  function sightOn({ subject: { authorId }, reader, relation }: Claim, audience: Audience, account: Account | null): Sight {
    return decide({
      reader,
      where,
      account: account?.visibility,
      audience,
      blocked: blocked.size > 0 && blocked.has(authorId),
      muted: muted.size > 0 && muted.has(authorId),
      many,
      relation: relation && relationOf(relation),
    })
  }

  /** Undefined where it had more to ask, which it may after the first turn. The keys say what the audience is, and are believed over the hint. */
  function verdictOn(claim: Claim, mayAsk: boolean): Verdict | undefined {
    const { subject, reader } = claim
    const open = claim.open === undefined ? undefined : sheet.need(subject.open, claim.open)
    if (open && !stands(open.value, subject)) return 'hidden'
    const account = sheet.need(subject.account, claim.account)
    const isOpen = account.value?.visibility === 'open'
    const audience = open && open.value?.kind !== 'not-public' ? 'public' : 'followers'
    const sight = sightOn(claim, audience, account.value)
    if (open && isOpen && audience === 'public') return sight === 'shown' ? { body: open, account, audience } : sight
    if (mayAsk && reader !== 'nobody') {
      if (!claim.closed && sight !== 'hidden') {
        askClosed(claim)
        return undefined
      }
      if (!open && isOpen && claim.relation && relationOf(claim.relation)?.as === 'stranger') {
        claim.open = sheet.ask(subject.open) // since it was hinted, it may have become public
        return undefined
      }
    }
    if (sight !== 'shown') return sight
    const body = claim.closed && sheet.need(claim.closed.key, claim.closed.place)
    return body && stands(body.value, subject) ? { body, account, audience: 'followers' } : 'hidden'
  }

  return {
    claim(subject, hint) {
      const reader = onlooker === undefined ? 'nobody' : onlooker.viewerId === subject.authorId ? 'author' : 'user'
      const isOpen = hint === 'public' || reader === 'nobody'
      const account = sheet.ask(subject.account)
      const open = isOpen ? sheet.ask(subject.open) : undefined
      const claim: Claim = { subject, reader, account, open, closed: undefined, relation: undefined, verdict: undefined }
      if (!isOpen) askClosed(claim)
      else if (many) askRelation(claim)
      return claim
    },
    settle(claim) {
      claim.verdict = verdictOn(claim, true)
    },
    judge(claim) {
      claim.verdict ??= verdictOn(claim, false)
      return claim.verdict ?? 'hidden'
    },
    isKnown: ({ subject, account, open, closed }) =>
      sheet.get(subject.account, account) !== undefined &&
      (open === undefined || sheet.get(subject.open, open) !== undefined) &&
      (closed === undefined || sheet.get(closed.key, closed.place) !== undefined),
  }
}

const NOBODY: readonly string[] = []

/** Is there something, and of this author? A damaged list must not have one author's post shown on the proof of another. */
const stands = (value: PostBody | null, { authorId }: Subject): boolean =>
  value !== null && value.kind !== 'gone' && value.authorId === authorId
