import type { Cursor } from '../../../contract/cursor.ts'
import { firstIdAt, mintedAtMs } from '../../../contract/ids.ts'
import { decodeList } from '../../../contract/l2/codec.ts'
import type { Raised } from '../../../contract/version-token.ts'
import { createCore, DEFAULTS } from '../../../worker/cache/core.ts'
import type { Key } from '../../../worker/cache/entry.ts'
import type { CacheEvent } from '../../../worker/cache/events.ts'
import { createMemoryTier } from '../../../worker/cache/memory-tier.ts'
import type { Load, SharedTier } from '../../../worker/cache/ports.ts'
import { withBulkhead } from '../../../worker/feed/bulkhead.ts'
import { createHydrate } from '../../../worker/feed/hydrate.ts'
import { createFeedKeys, type FeedKeys, type FeedLifetimes } from '../../../worker/feed/keys.ts'
import type { OriginPort } from '../../../worker/feed/origin-port.ts'
import type { FeedTurn } from '../../../worker/feed/parts.ts'
import type { FeedParts } from '../../../worker/feed/read-feed.ts'
import { sightOf } from '../../../worker/feed/visibility.ts'
import type { HistoryClock } from '../clock.ts'
import type { Has } from './plants.ts'
import type { TwinRules } from './rows.ts'

interface Parts {
  readonly clock: HistoryClock
  readonly random: () => number
  readonly shared: SharedTier
  readonly load: Load
  readonly origin: OriginPort
  readonly lifetimes: FeedLifetimes
  readonly rules: TwinRules
  readonly has: Has
  readonly newToken: () => string
}

/** An isolate of the worker: the real read path, on twins of what it talks to. */
export interface Isolate {
  readonly feed: FeedParts
  /** What one request brings, and why its answer is less than it should be. */
  turn(raised: Raised | undefined): { readonly turn: FeedTurn; readonly degraded: Set<string> }
}

export function createIsolate({ clock, random, shared, load, origin, lifetimes, rules, has, newToken }: Parts): Isolate {
  const memory = createMemoryTier(4 * 1024 * 1024)
  const maxAgeMs = has('memory inherits the shared life') ? 3_600_000 : DEFAULTS.maxAgeMs
  const { read, limiter } = createCore({ memory, shared, load, clock, random, newToken }, { ...DEFAULTS, maxAgeMs })
  const keys = withRules(createFeedKeys(lifetimes), rules, has)
  const hydrate = createHydrate(read, keys, (regard) =>
    sightOf(has('relation not checked') ? { ...regard, relation: { as: 'follower', muted: false } } : regard),
  )
  return {
    feed: {
      read,
      keys,
      hydrate: has('hidden by what is gone')
        ? async (candidates, turn) =>
            (await hydrate(candidates, turn)).map((line, i) => (candidates[i]?.newer.length === 0 ? line : undefined))
        : hydrate,
      origin: withBulkhead(origin, limiter),
      maxPulled: rules.maxPulled,
    },
    turn(raised) {
      const degraded = new Set<string>()
      const observe = (event: CacheEvent): void => {
        if (event.type === 'answered' && event.unverified) degraded.add('l2-unavailable')
      }
      const reader = { waitUntil: (work: Promise<unknown>) => void work.catch(() => {}) }
      const leastTruth = raised && !has('token ignored') ? (key: string) => raised[key] ?? 0 : undefined
      return { turn: { reader, dice: random(), leastTruth, observe }, degraded }
    },
  }
}

/** The keys with the caps of the twin, and what is planted in them. */
function withRules(keys: FeedKeys, { timelineCap, authorListCap }: TwinRules, has: Has): FeedKeys {
  const changed = <V>(key: Key<V>, decode: (payload: string) => V | undefined): Key<V> => ({ ...key, decode })
  const bottomless = has('history ends early')
  return {
    ...keys,
    timeline: (viewerId) =>
      changed(keys.timeline(viewerId), (payload) => {
        const list = decodeList(payload, timelineCap)
        return list && bottomless ? { ...list, completeSince: '0' } : list
      }),
    author: (authorId, audience) =>
      changed(keys.author(authorId, audience), (payload) => {
        const list = decodeList(payload, authorListCap)
        return list && (bottomless || has('floor ignored')) ? { ...list, completeSince: '0' } : list
      }),
    viewer: (viewerId) => {
      const key = keys.viewer(viewerId)
      return changed(key, (payload) => {
        const state = key.decode(payload)
        if (state && has('follow state not filtered')) return { ...state, left: [] }
        return state && has('mutes not filtered') ? { ...state, muted: [] } : state
      })
    },
  }
}

/** Cursors as the twins write them: in place of a signature they name whom and what they are for. */
export const sealed = (owner: string, value: object): string => JSON.stringify([owner, value])
export function unsealed<T extends object>(owner: string, text: string, has: Has): T | undefined {
  const [owns, value] = JSON.parse(text)
  return owns === owner || has('cursor of another viewer') ? value : undefined
}

/** A cursor as a bug would write or read it. */
export function spoilt(cursor: Cursor, has: Has): Cursor {
  if (has('tie dropped')) return { ...cursor, last: String(firstIdAt(mintedAtMs(cursor.last))) }
  return has('fold by page') ? { ...cursor, anchor: cursor.last } : cursor
}
