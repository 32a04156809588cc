import { createCache, Namespace } from '@unkey/cache'
import { MemoryStore } from '@unkey/cache/stores'
import { serve } from './shell.js'

const persistentMap = new Map()

/** As its documentation has it for serverless: a cache for each request, over a Map that stays. */
export default serve((_, ctx) => {
  const pages = new Namespace(ctx, { stores: [new MemoryStore({ persistentMap })], fresh: 60_000, stale: 90_000 })
  const cache = createCache({ pages })
  return async (key, load) => {
    const { val, err } = await cache.pages.swr(key, load)
    if (err) throw err
    return val
  }
})
