import type { Limiter } from '../cache/limiter.ts'
import type { OriginPort } from './origin-port.ts'

/** The origin behind the bulkhead that loads share: deep scrolls take places of theirs, and no more than there are. */
export const withBulkhead = (origin: OriginPort, limiter: Limiter): OriginPort => ({
  older: (ask) => limiter.run(() => origin.older(ask)),
  olderOfAuthor: (ask) => limiter.run(() => origin.olderOfAuthor(ask)),
  marks: (ask) => limiter.run(() => origin.marks(ask)),
})
