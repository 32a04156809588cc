import { decodeList } from '../../contract/l2/codec.ts'
import { parseKey } from '../../contract/l2/keys.ts'
import { meaningOf } from '../../contract/l2/meaning.ts'
import { decodeValue } from '../../contract/l2/value.ts'
import { digestOf } from '../../contract/look.ts'
import { AUTHOR_LIST_CAP, TIMELINE_CAP } from '../../contract/timeline.ts'
import type { Answer } from './judge.ts'
import type { LookedAt } from './ports.ts'

/** Reads texts of L2 as edges do: one MGET, from whatever replica answers. Rejects when it cannot. */
export type ReadTexts = (keys: readonly string[]) => Promise<readonly (string | undefined)[]>

/** L2 as a place to look at. */
export const lookAtL2 = (read: ReadTexts): LookedAt => ({
  place: 'L2',
  async look(keys) {
    const texts = await read(keys)
    const answers = await Promise.all(keys.map((key, i) => answerIn(key, texts[i])))
    return answers.filter((answer) => answer !== undefined)
  },
})

/** What a text of L2 answers; undefined where readers find nothing in it: a miss, a remembered absence (seconds), a foreign format. */
export async function answerIn(key: string, text: string | undefined): Promise<Answer | undefined> {
  const value = text === undefined ? undefined : decodeValue(text)
  if (!value || value.payload === null) return undefined
  const { truth, payload } = value
  const cap = capOf(key)
  if (cap === undefined) {
    const meaning = meaningOf(key, payload)
    return meaning === undefined ? undefined : { key, truth, says: { is: 'value', digest: await digestOf(meaning) } }
  }
  const list = decodeList(payload, cap)
  return list && { key, truth, says: { is: 'list', since: list.completeSince, entries: list.entries } }
}

/** How many entries the list of a key has at most; undefined for a key of another kind. */
export function capOf(key: string): number | undefined {
  const kind = parseKey(key)?.kind
  if (kind === 'timeline') return TIMELINE_CAP
  return kind === 'author' ? AUTHOR_LIST_CAP : undefined
}
