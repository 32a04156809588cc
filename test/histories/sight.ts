import { type Activity, allOf, anyOf, type Kind, type Log, not, type SettledAt, type Truth, truthWithin } from './log.ts'

/** Who may see what within some time, by the log alone: the rules of the project in plain words, and not its code. */
export function createSight(log: Log, fromMs: number, toMs: number, settledAtMs: SettledAt) {
  const is = (kind: Kind, who: string, whom?: string): Truth => truthWithin(log.fact(kind, who, whom), fromMs, toMs, settledAtMs)
  const always: Truth = 'yes'

  const exists = (person: string): Truth => allOf(is('active', person), is('alive', person))
  const blocked = (one: string, other: string): Truth => anyOf(is('blocks', one, other), is('blocks', other, one))
  const stands = ({ made, kept }: Activity): Truth =>
    allOf(truthWithin(made, fromMs, toMs, settledAtMs), truthWithin(kept, fromMs, toMs, settledAtMs))
  const isPublic = ({ audience, actor }: Activity): Truth => (audience === 'public' ? is('open', actor) : 'no')

  /** One activity, without the post that it may show. */
  function seen(reader: string | undefined, activity: Activity, inFeed: boolean): Truth {
    const { actor } = activity
    // While an account becomes private or open its posts move from one list to the other, and a page may meet them in neither.
    const moving = is('open', actor) === 'maybe' ? 'maybe' : always
    const there = allOf(stands(activity), exists(actor), moving)
    if (there === 'no' || reader === actor) return there
    if (reader === undefined) return allOf(there, isPublic(activity))
    return allOf(
      there,
      not(blocked(reader, actor)),
      inFeed ? not(is('mutes', reader, actor)) : always,
      anyOf(isPublic(activity), is('follows', reader, actor)),
    )
  }

  /** An activity and what it shows. */
  const shownTo = (reader: string | undefined, activity: Activity, inFeed: boolean): Truth =>
    allOf(seen(reader, activity, inFeed), activity.root ? seen(reader, activity.root, inFeed) : always)

  /** The same; a reader whose account is deleted is nobody we know. */
  function shown(reader: string | undefined, activity: Activity, inFeed: boolean): Truth {
    const alive = reader === undefined ? 'no' : is('alive', reader)
    if (alive === 'yes') return shownTo(reader, activity, inFeed)
    const toNobody = shownTo(undefined, activity, inFeed)
    if (alive === 'no') return toNobody
    return shownTo(reader, activity, inFeed) === toNobody ? toNobody : 'maybe'
  }

  return {
    is,
    exists,
    blocked,
    isPublic,
    shown,
    /** In the feed of what somebody follows. */
    inFeed: (reader: string, activity: Activity): Truth =>
      allOf(is('alive', reader), activity.actor === reader ? always : is('follows', reader, activity.actor), shown(reader, activity, true)),
    /** Among what is popular, where that is shown: whatever is public may be, and what a follow of this moment brings; one's own is there. */
    inPopular: (reader: string, activity: Activity): Truth => {
      const truth = allOf(is('alive', reader), shown(reader, activity, true))
      if (activity.actor === reader) return truth
      const may = anyOf(is('follows', reader, activity.actor), activity.root ? 'no' : isPublic(activity))
      return allOf(truth, may, 'maybe')
    },
    onPageOf: (author: string, reader: string | undefined, activity: Activity): Truth =>
      activity.actor === author ? shown(reader, activity, false) : 'no',
  }
}
export type Sight = ReturnType<typeof createSight>
