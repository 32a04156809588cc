import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { connect } from './redis.js'

/** Best: grace, answers from it at once, and the breaker of L2. With L2 its bus runs too, as its documentation has it. */
export async function createCache({ tiers, features, serialize = true, ttlMs, staleMs, namespace, load, ...redis }) {
  let store = bentostore().useL1Layer(memoryDriver({ maxItems: 20_000, serialize }))
  if (tiers === 'l1+l2') {
    store = store.useL2Layer(redisDriver({ connection: connect(redis) }))
    // The bus of a client that queues nothing throws where it subscribes before it is connected.
    if (redis.client !== 'tuned') store = store.useBus(redisBusDriver({ connection: { host: '127.0.0.1', port: redis.redisPort } }))
  }
  const best = features === 'best' ? { grace: staleMs, timeout: 0, l2CircuitBreakerDuration: '2s' } : {}
  const bento = new BentoCache({ default: 'm', stores: { m: store }, prefix: namespace, ...best })
  return {
    get: (key) => bento.getOrSet({ key, ttl: ttlMs, factory: () => load(key) }),
    remove: (keys) => bento.deleteMany({ keys }),
  }
}
