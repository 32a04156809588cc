import type { Protection } from '../../worker/cache/core.ts'
import { type Cache, createCache, type Reader, redisTier } from '../../worker/standalone.ts'
import { serve } from '../peers/workers/shell.js'

interface Env {
  readonly REDIS_URL: string
  readonly REDIS_TOKEN: string
  readonly PREFIX: string
  readonly SWITCHED_OFF: string
}

/** A load is a fetch here, whose address each reader of a key knows as well as the next. */
const loads = new Map<string, () => Promise<unknown>>()
let cache: Cache<unknown> | undefined

const cacheOf = (env: Env): Cache<unknown> => {
  const { REDIS_URL: url, REDIS_TOKEN: token, PREFIX: prefix, SWITCHED_OFF } = env
  return createCache({
    loadOne: async (key) => loads.get(key)?.(),
    shared: redisTier({ url, token, prefix }),
    settings: { switchedOff: new Set(SWITCHED_OFF.split(' ').filter(Boolean) as Protection[]) },
  })
}

export default serve((env: Env, ctx: Reader) => (key: string, load: () => Promise<unknown>) => {
  loads.set(key, load)
  cache ??= cacheOf(env)
  return cache.get(key, ctx)
})
