import { parseKey } from '../../contract/l2/keys.ts'
import { meaningOf } from '../../contract/l2/meaning.ts'
import { digestOf } from '../../contract/look.ts'
import type { Database } from '../db/client.ts'
import { accountsOf, authorFacts, changesOf, type HeldEntries, tiesOf, timelineFacts } from '../db/consistency-facts.ts'
import { loadKeys } from '../timelines/load.ts'
import { capOf } from './answers.ts'
import type { Answer, ListTruth, ValueTruth } from './judge.ts'
import type { Truths } from './ports.ts'

/** The truth of Postgres. A value is what a load would bring now; a list is asked for by what must and must not be in it. */
export function truthsOf(db: Database): Truths {
  return async (answers) => {
    const values = answers.filter(({ says }) => says.is === 'value')
    const lists = answers.filter(({ says }) => says.is === 'list')
    const [ofValues, ofLists] = await Promise.all([valuesOf(db, values), listsOf(db, lists)])
    return new Map<string, ValueTruth | ListTruth>([...ofValues, ...ofLists])
  }
}

async function valuesOf(db: Database, answers: readonly Answer[]): Promise<[string, ValueTruth][]> {
  if (answers.length === 0) return []
  const loaded = await loadKeys(
    db,
    answers.map(({ key }) => key),
  )
  const said = await Promise.all(
    loaded.map(async ({ key, truth, payload }) => {
      const meaning = meaningOf(key, payload)
      return meaning === undefined ? [] : [{ key, truth, digest: await digestOf(meaning) }]
    }),
  )
  const truths = new Map(said.flat().map((one) => [one.key, one]))
  // Why they differ is asked only of those that do.
  const differing = answers.filter(({ key, says }) => says.is === 'value' && truths.get(key)?.digest !== says.digest).map(({ key }) => key)
  const changes = Map.groupBy(await changesOf(db, differing), ({ key }) => key)
  const untold = await untoldByKey(db, differing)
  return [...truths.values()].map((one) => [one.key, { ...one, changes: changes.get(one.key) ?? [], untold: untold.get(one.key) }])
}

/**
 * Changes that are not told key by key, or not in their own transaction: the bodies of an account that is less or more visible are swept behind, while
 * `us:` speaks for them, and a follow raises versions when its history is copied, before it is acknowledged.
 */
async function untoldByKey(db: Database, keys: readonly string[]): Promise<Map<string, ValueTruth['untold']>> {
  const parsed = keys.map((key) => ({ key, is: parseKey(key) }))
  const posts = parsed.flatMap(({ key, is }) => (is?.kind === 'post' ? [{ key, id: is.id }] : []))
  const pairs = parsed.flatMap(({ key, is }) => (is?.kind === 'relation' ? [{ key, viewerId: is.id, authorId: is.authorId }] : []))
  const accounts = new Map(
    (
      await accountsOf(
        db,
        posts.map(({ id }) => id),
      )
    ).map((account) => [account.postId, account]),
  )
  const ties = await tiesOf(db, pairs)
  return new Map([
    ...posts.map(({ key, id }): [string, ValueTruth['untold']] => {
      const account = accounts.get(id)
      return [key, account && { changedAtMs: account.changedAtMs, covered: !account.swept }]
    }),
    ...ties.map(({ key, changedAtMs, underWay }): [string, ValueTruth['untold']] => [key, { changedAtMs, covered: underWay }]),
  ])
}

/** One question per list: a turn looks at a handful. What they were told is asked only of those that are behind. */
async function listsOf(db: Database, answers: readonly Answer[]): Promise<[string, ListTruth][]> {
  const known = (await Promise.all(answers.map(async (answer) => ({ answer, facts: await factsOf(db, answer) })))).flatMap(
    ({ answer, facts }) => (facts ? [{ answer, facts }] : []),
  )
  const behind = known.filter(({ answer, facts }) => answer.truth < facts.truth).map(({ answer }) => answer.key)
  const changes = Map.groupBy(await changesOf(db, behind), ({ key }) => key)
  return known.map(({ answer: { key }, facts }) => [key, { ...facts, changes: changes.get(key) ?? [] }])
}

function factsOf(db: Database, { key, says }: Answer) {
  const parsed = parseKey(key)
  const cap = capOf(key) ?? 0
  if (says.is !== 'list' || !parsed || !('id' in parsed)) return undefined
  const held: HeldEntries = {
    since: says.since,
    activityIds: says.entries.map(({ activityId }) => activityId),
    actorIds: says.entries.map(({ actorId }) => actorId),
  }
  if (parsed.kind === 'timeline') return timelineFacts(db, parsed.id, held, cap)
  return parsed.kind === 'author' ? authorFacts(db, parsed.id, parsed.audience, held, cap) : undefined
}
