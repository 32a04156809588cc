import { LRUCache } from 'lru-cache'

const STALE = { allowStale: true, allowStaleOnFetchRejection: true, noDeleteOnFetchRejection: true, allowStaleOnFetchAbort: true }

/** Memory alone. Best: stale values are served while a load runs or when it fails. */
export async function createCache({ features, ttlMs, load }) {
  const cache = new LRUCache({ max: 20_000, ttl: ttlMs, fetchMethod: (key) => load(key), ...(features === 'best' ? STALE : {}) })
  return {
    get: (key) => cache.fetch(key),
    peek: (key) => cache.get(key),
    remove: async (keys) => void keys.map((key) => cache.delete(key)),
  }
}
