import { createCache as createUnkeyCache, DefaultStatefulContext, Namespace } from '@unkey/cache'
import { MemoryStore, UpstashRedisStore } from '@unkey/cache/stores'
import { connect } from './redis.js'

/** Its store wants a client of Upstash: this one speaks to the same Redis over the same protocol as the others'. */
const asUpstash = (redis) => ({
  async get(key) {
    const text = await redis.get(key)
    return text === null ? null : JSON.parse(text)
  },
  set: (key, value, options) =>
    options?.pxat ? redis.set(key, JSON.stringify(value), 'PXAT', options.pxat) : redis.set(key, JSON.stringify(value)),
  del: (...keys) => redis.del(...keys),
})

/** It serves stale values by nature: default and best are the same. */
export async function createCache({ tiers, ttlMs, staleMs, namespace, load, ...redis }) {
  const stores = [new MemoryStore({ persistentMap: new Map(), unstableEvictOnSet: { frequency: 0.01, maxItems: 20_000 } })]
  if (tiers === 'l1+l2') stores.push(new UpstashRedisStore({ redis: asUpstash(connect(redis)) }))
  const space = new Namespace(new DefaultStatefulContext(), { stores, fresh: ttlMs, stale: ttlMs + staleMs })
  const { [namespace]: cache } = createUnkeyCache({ [namespace]: space })
  return {
    async get(key) {
      const { val, err } = await cache.swr(key, load)
      if (err) throw err
      return val
    },
    remove: (keys) => cache.remove(keys),
  }
}
