import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { serve } from './shell.js'

const memory = bentostore().useL1Layer(memoryDriver({ maxItems: 1_000 }))
const bento = new BentoCache({ default: 'm', stores: { m: memory }, grace: '30s', timeout: 0 })

export default serve(() => (key, load) => bento.getOrSet({ key, ttl: 60_000, factory: load }))
