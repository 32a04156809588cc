import { LRUCache } from 'lru-cache'
import { serve } from './shell.js'

const cache = new LRUCache({ max: 1_000, ttl: 60_000, allowStale: true, fetchMethod: (_key, _stale, { context }) => context() })

export default serve(() => (key, load) => cache.fetch(key, { context: load }))
