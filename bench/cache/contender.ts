import type { Protection } from '../../worker/cache/core.ts'
import type { Page } from './page.ts'

/** A cache as the scenarios use it: one process has one, or several that share Redis. */
export interface Cache {
  get(key: string): Promise<Page | null | undefined>
  /** Reads what memory holds, at once. */
  peek?(key: string): Page | null | undefined
  /** A page of keys, where it has such a call. */
  getMany?(keys: readonly string[]): Promise<unknown>
  remove(keys: readonly string[]): Promise<unknown>
}

export interface CacheSettings {
  /** Memory alone, or with Redis behind. */
  readonly tiers: 'l1' | 'l1+l2'
  readonly ttlMs: number
  /** How long a peer may serve beyond the TTL with its stale or grace feature on. */
  readonly staleMs: number
  /** Ours, where soft and hard TTL differ; both `ttlMs` unless given, with `staleMs` of grace. */
  readonly hardMs?: number
  /** Keys of this run. */
  readonly namespace: string
  readonly redisPort: number
  /** Redis over HTTP, as ours talks to it. */
  readonly redisRest: { readonly url: string; readonly token: string }
}

/** What makes a case of a contender different from its others. */
export interface Variant {
  /** `default`: a TTL is given. `best`: its documented stale and refresh features are on too. Ours is the same in both. */
  readonly features?: 'default' | 'best'
  /** How ioredis is set up: as it comes, or without offline queue and with a command timeout. */
  readonly client?: 'stock' | 'tuned'
  /** bentocache: keep objects in memory as they are. */
  readonly serialize?: boolean
  /** Ours: how it talks to Redis; over HTTP through the façade unless said otherwise, peers over TCP. */
  readonly wire?: 'rest' | 'tcp'
  /** Ours: protections that are off. */
  readonly switchedOff?: readonly Protection[]
}

export type CreateCache = (options: CacheSettings & Variant & { readonly load: (key: string) => Promise<Page> }) => Promise<Cache>

/** The adapters. Those of peers are JavaScript: they are to be read, and types of packages that may be missing are none. */
const MODULES = {
  tideline: './ours.ts',
  bentocache: '../peers/bentocache.js',
  '@unkey/cache': '../peers/unkey-cache.js',
  'layered-loader': '../peers/layered-loader.js',
  'lru-cache.fetch': '../peers/lru-cache.js',
} as const

export type ContenderName = keyof typeof MODULES

/** One row of a table. */
export interface Case extends Variant {
  readonly name: ContenderName
  /** In at most so many of the runs: what nobody is held to need not be told to the last digit. */
  readonly mostRuns?: number
  /** After the name. */
  readonly label?: string
}

export async function createCacheOf(one: Case, options: CacheSettings & { readonly load: (key: string) => Promise<Page> }): Promise<Cache> {
  const { createCache } = (await import(MODULES[one.name])) as { readonly createCache: CreateCache }
  return createCache({ ...one, ...options })
}

export const titleOf = ({ name, label }: Case): string => (label ? `${name}, ${label}` : name)

/** Ours as it comes. */
export const OURS: Case = { name: 'tideline' }

/** Ours with Redis over TCP, as the peers have it. */
export const OURS_OVER_TCP: Case = { name: 'tideline', label: 'Redis over TCP', wire: 'tcp' }

/** Ours with protections off: the negative twin. */
export const without = (...switchedOff: readonly Protection[]): Case => ({
  name: 'tideline',
  label: `without ${switchedOff.join(', ')}`,
  switchedOff,
  mostRuns: 3,
})

/** The stale window of a case: none for a peer whose feature is off. @unkey/cache always has one, and so has ours. */
export const staleMsOf = ({ name, features }: Case, staleMs: number): number =>
  features === 'best' || name === 'tideline' || name === '@unkey/cache' ? staleMs : 0
