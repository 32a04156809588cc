import { AsyncLocalStorage } from 'node:async_hooks'
import { Loader } from 'layered-loader/core'
import { serve } from './shell.js'

const contexts = new AsyncLocalStorage()
const loader = new Loader({
  inMemoryCache: { ttlInMsecs: 60_000, ttlLeftBeforeRefreshInMsecs: 15_000, maxItems: 1_000 },
  cacheKeyFromLoadParamsResolver: ({ key }) => key,
  dataSourceGetOneFn: ({ load }) => load(),
  scheduleBackgroundWork: (work) => contexts.getStore()?.waitUntil(work),
})

/** As its README sets it up for Workers. */
export default serve((_, ctx) => (key, load) => contexts.run(ctx, () => loader.get({ key, load })))
