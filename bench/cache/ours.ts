import { createCache as createOurs, redisTier } from '../../worker/standalone.ts'
import type { Cache, CreateCache } from './contender.ts'
import type { Page } from './page.ts'
import { createTcpTier } from './tcp-tier.ts'

/** Ours as it comes: `tideline/cache`, and its Redis tier over HTTP. Only lifetimes are given. */
export const createCache: CreateCache = async ({ tiers, ttlMs, hardMs = ttlMs, staleMs, namespace, ...options }) => {
  const { redisRest, redisPort, wire = 'rest', switchedOff, load } = options
  const prefix = `${namespace}:`
  const tier = () => (wire === 'tcp' ? createTcpTier(redisPort, prefix) : redisTier({ ...redisRest, prefix }))
  const one = { waitUntil() {} }
  // A request's second question always joins its first, so readers that are not to share anything are requests of their own.
  const reader = () => (switchedOff?.includes('singleflight') ? { waitUntil() {} } : one)
  const cache = createOurs<Page>({
    load: async (keys) => Promise.all(keys.map(async (key) => ({ key, value: await load(key) }))),
    lifetimes: { softMs: ttlMs, hardMs, graceMs: staleMs },
    ...(tiers === 'l1+l2' ? { shared: await tier() } : {}),
    ...(switchedOff ? { settings: { switchedOff: new Set(switchedOff) } } : {}),
  })
  const ours: Cache = {
    get: (key) => cache.get(key, reader()),
    peek: (key) => cache.peek(key),
    getMany: (keys) => cache.getMany(keys, reader()),
    remove: (keys) => cache.invalidate(keys, reader()),
  }
  return ours
}
