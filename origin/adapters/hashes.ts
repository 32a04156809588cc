import { createHmac, createSecretKey, hash, timingSafeEqual } from 'node:crypto'
import type { Hashes } from '../../contract/signed.ts'

/** Hashes by Node's own: at once, in hundredths of the CPU that WebCrypto takes to ask a thread. Every request has three. */
export const nodeHashes: Hashes = {
  sha256: (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')),
  hmac(secret) {
    const key = createSecretKey(secret, 'utf8')
    const sign = (bytes: Uint8Array) => new Uint8Array(createHmac('sha256', key).update(bytes).digest())
    return {
      sign,
      verify(mac, bytes) {
        const own = sign(bytes)
        return mac.length === own.length && timingSafeEqual(mac, own)
      },
    }
  },
}
