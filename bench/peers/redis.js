import { Redis } from 'ioredis'

const TUNED = { enableOfflineQueue: false, maxRetriesPerRequest: 0, connectTimeout: 500, commandTimeout: 200 }

/** A connection as ioredis makes it by default, or one that gives up soon. */
export function connect({ redisPort, client }) {
  const redis = new Redis({ host: '127.0.0.1', port: redisPort, ...(client === 'tuned' ? TUNED : {}) })
  redis.on('error', () => {}) // who reads it gets the error
  return redis
}
