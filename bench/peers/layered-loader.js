import { createNotificationPair, Loader, RedisCache } from 'layered-loader'
import { connect } from './redis.js'

/** Best: refreshed ahead in the last quarter of the TTL. With L2 its notifications run too. */
export async function createCache({ tiers, features, ttlMs, namespace, load, ...redis }) {
  const ahead = features === 'best' ? { ttlLeftBeforeRefreshInMsecs: Math.round(ttlMs / 4) } : {}
  const memory = { cacheType: 'lru-map', ttlInMsecs: ttlMs, maxItems: 20_000, ...ahead }
  const loader = new Loader({
    logger: { error() {} },
    inMemoryCache: memory,
    ...(tiers === 'l1+l2' ? shared({ namespace, ttlMs, ahead, redis }) : {}),
    dataSourceGetOneFn: load,
    dataSourceGetManyFn: (keys) => Promise.all(keys.map(load)),
    cacheKeyFromValueResolver: ({ key }) => key,
  })
  await loader.init()
  return {
    get: (key) => loader.get(key),
    peek: (key) => loader.getInMemoryOnly(key),
    getMany: (keys) => loader.getMany(keys),
    remove: (keys) => loader.invalidateCacheForMany(keys),
  }
}

function shared({ namespace, ttlMs, ahead, redis }) {
  const asyncCache = new RedisCache(connect(redis), { json: true, prefix: namespace, ttlInMsecs: ttlMs, ...ahead })
  if (redis.client === 'tuned') return { asyncCache } // as with bentocache's bus
  const { consumer, publisher } = createNotificationPair({
    channel: `changes:${namespace}`,
    consumerRedis: connect(redis),
    publisherRedis: connect(redis),
  })
  return { asyncCache, notificationConsumer: consumer, notificationPublisher: publisher }
}
