import { createCache, DefaultStatefulContext, Namespace } from '@unkey/cache'
import { MemoryStore } from '@unkey/cache/stores'
import { serve } from './shell.js'

/** One cache for all requests, so that they collapse. */
const stores = [new MemoryStore({ persistentMap: new Map() })]
const cache = createCache({ pages: new Namespace(new DefaultStatefulContext(), { stores, fresh: 60_000, stale: 90_000 }) })

export default serve(() => async (key, load) => {
  const { val, err } = await cache.pages.swr(key, load)
  if (err) throw err
  return val
})
