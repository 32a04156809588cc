import { parseKey } from '../../contract/l2/keys.ts'
import { idsMeaning, postMeaning, userMeaning, viewerMeaning } from '../../contract/l2/meaning.ts'
import { encodeRelation } from '../../contract/l2/relation-value.ts'
import { digestOf, type EdgeLooked, MAX_LOOK_ENTRIES } from '../../contract/look.ts'
import type { EntryList } from '../../contract/timeline.ts'
import type { Key } from '../cache/entry.ts'
import type { SharedTier } from '../cache/ports.ts'
import type { ReadThrough } from '../cache/read-through.ts'
import type { FeedKeys } from './keys.ts'

interface Parts {
  readonly keys: FeedKeys
  readonly read: Pick<ReadThrough, 'peek'>
  readonly shared: Pick<SharedTier, 'read'>
  readonly clock: { nowMs(): number }
}

/** Says what an isolate would answer for keys at this moment; keys of no kind that is compared are left out. */
export type LookInside = (keys: readonly string[]) => Promise<EdgeLooked[]>

/**
 * From memory where that would answer without a thought, else from L2. It loads nothing, keeps nothing, and hands out no content but the ids of a
 * list's entries.
 */
export function createLook({ keys, read, shared, clock }: Parts): LookInside {
  return async (asked) => {
    const looks = asked.flatMap((text) => lookOf(keys, text) ?? [])
    const nowMs = clock.nowMs()
    const inMemory = looks.map(({ key }) => read.peek(key))
    const others = looks.filter((_, i) => !inMemory[i])
    // Without L2 it would load.
    const stored = others.length > 0 ? await shared.read(others.map(({ key }) => key)).catch(() => []) : []
    const inL2 = new Map(others.map(({ key }, i) => [key, stored[i]]))
    return Promise.all(
      looks.map(({ key, ofMemory, ofL2 }, i) => {
        const held = inMemory[i]
        if (held) return told(key, 'memory', held.value === null ? undefined : ofMemory(held.value), held.truth, nowMs - held.verifiedAtMs)
        const there = inL2.get(key)
        const isDead = !there || there.payload === null || there.life.graceEndsAtMs <= nowMs
        return told(key, 'shared', isDead ? undefined : ofL2(there.payload), there?.truth ?? 0, 0)
      }),
    )
  }
}

/** What is compared: a text, or a list. */
type Said = string | EntryList

/** A key, and what a value of it says. */
interface Look {
  readonly key: string
  ofMemory(value: unknown): Said
  /** Undefined for what readers could not read either. */
  ofL2(payload: string): Said | undefined
}

const lookAt = <V>(key: Key<V>, says: (value: V) => Said): Look => ({
  key: key.text,
  ofMemory: (value) => says(value as V), // memory holds under a key what its `decode` made
  ofL2(payload) {
    const value = key.decode(payload)
    return value === undefined ? undefined : says(value)
  },
})

const decoder = new TextDecoder()

function lookOf(keys: FeedKeys, text: string): Look | undefined {
  const parsed = parseKey(text)
  switch (parsed?.kind) {
    case 'timeline':
      return lookAt(keys.timeline(parsed.id), (list) => list)
    case 'author':
      return lookAt(keys.author(parsed.id, parsed.audience), (list) => list)
    case 'viewer':
      return lookAt(keys.viewer(parsed.id), viewerMeaning)
    case 'post':
      return lookAt(keys.post(parsed.id, parsed.audience), (post) =>
        postMeaning(post.kind === 'post' ? { ...post, json: decoder.decode(post.json) } : post),
      )
    case 'user':
      return lookAt(keys.user(parsed.id), (account) => userMeaning({ ...account, json: decoder.decode(account.json) }))
    case 'relation':
      return lookAt(keys.relation(parsed.id, parsed.authorId), encodeRelation)
    case 'crowd':
      return lookAt(keys.crowd(), idsMeaning)
    default:
      return undefined
  }
}

async function told(key: string, layer: 'memory' | 'shared', said: Said | undefined, truth: number, ageMs: number): Promise<EdgeLooked> {
  if (said === undefined) return { key, layer: 'none', truth, ageMs, digest: null, list: null }
  if (typeof said === 'string') return { key, layer, truth, ageMs, digest: await digestOf(said), list: null }
  const { entries, completeSince } = said
  const newest = entries.slice(0, MAX_LOOK_ENTRIES).map(({ activityId, actorId }) => ({ activityId, actorId }))
  const since = entries.length > newest.length ? (newest.at(-1)?.activityId ?? completeSince) : completeSince
  return { key, layer, truth, ageMs, digest: null, list: { since, entries: newest } }
}
