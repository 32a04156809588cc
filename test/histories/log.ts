/** A change of something that is true or not, as the client who asked for it saw it. */
export interface Change {
  readonly value: boolean
  readonly calledAtMs: number
  /** Infinite until it is acknowledged, and for ever where no answer came. */
  ackedAtMs: number
}

/** Something that is true or not: somebody follows somebody, an activity stands. */
export interface Fact {
  readonly initially: boolean
  changes: Change[]
}

/** A post or repost that somebody asked for. */
export interface Activity {
  /** Undefined until an answer or a page tells it. */
  id: string | undefined
  readonly actor: string
  /** Of a repost. */
  readonly root: Activity | undefined
  /** Of a post; unlike any other's. */
  readonly text: string
  readonly audience: 'public' | 'followers'
  /** It was written. */
  readonly made: Fact
  /** It was not deleted. */
  readonly kept: Fact
}

/** While it lasts things may be late: what was not yet settled when it began is settled only after it ended. */
export interface Fault {
  readonly what: string
  readonly fromMs: number
  toMs: number
}

const INITIALLY = {
  follows: false,
  mutes: false,
  blocks: false,
  likes: false,
  /** Not suspended. */
  active: true,
  /** Not deleted. */
  alive: true,
  /** Not private. */
  open: true,
} as const
export type Kind = keyof typeof INITIALLY

/** What was asked for and acknowledged, and when: all that the judge knows. */
export interface Log {
  readonly activities: Activity[]
  readonly byId: Map<string, Activity>
  readonly faults: Fault[]
  /** A fact about somebody, or between two, or between somebody and a post. */
  fact(kind: Kind, who: string, whom?: string): Fact
}

export const fact = (initially: boolean): Fact => ({ initially, changes: [] })

/** `faults` may be shared by all histories that are played on one system. */
export function createLog(faults: Fault[] = []): Log {
  const facts = new Map<string, Fact>()
  return {
    activities: [],
    byId: new Map(),
    faults,
    fact(kind, who, whom = '') {
      const name = `${kind} ${who} ${whom}`
      const known = facts.get(name)
      if (known) return known
      const made = fact(INITIALLY[kind])
      facts.set(name, made)
      return made
    },
  }
}

/** Notes a change that begins now. The caller sets when it was acknowledged, or takes it back where it was refused. */
export function begin({ changes }: Fact, value: boolean, nowMs: number): Change {
  const change = { value, calledAtMs: nowMs, ackedAtMs: Number.POSITIVE_INFINITY }
  changes.push(change)
  return change
}

export function takeBack(fact: Fact, change: Change): void {
  fact.changes = fact.changes.filter((one) => one !== change)
}

/** What a fact may have been within some time: `maybe` where a change was under way, or not settled yet. */
export type Truth = 'yes' | 'no' | 'maybe'

/** When each change is settled for a reader (epoch milliseconds): from then on it must be seen. */
export type SettledAt = (change: Change) => number

export function truthWithin({ initially, changes }: Fact, fromMs: number, toMs: number, settledAtMs: SettledAt): Truth {
  if (changes.length === 0) return initially ? 'yes' : 'no'
  let yes = initially
  let no = !initially
  let busyUntilMs = Number.NEGATIVE_INFINITY
  for (const change of changes) {
    if (change.calledAtMs > toMs) continue
    const settled = settledAtMs(change) <= fromMs
    // Two writes that overlap may have been done in either order.
    if (settled && change.calledAtMs >= busyUntilMs) {
      yes = change.value
      no = !change.value
    } else if (change.value) yes = true
    else no = true
    busyUntilMs = Math.max(busyUntilMs, change.ackedAtMs)
  }
  return yes && no ? 'maybe' : yes ? 'yes' : 'no'
}

/** Three-valued logic: what may have been false may be false. */
export const not = (truth: Truth): Truth => (truth === 'maybe' ? truth : truth === 'yes' ? 'no' : 'yes')

export function allOf(...truths: readonly Truth[]): Truth {
  let all: Truth = 'yes'
  for (const truth of truths) {
    if (truth === 'no') return 'no'
    if (truth === 'maybe') all = 'maybe'
  }
  return all
}

export const anyOf = (...truths: readonly Truth[]): Truth => not(allOf(...truths.map(not)))
