import fc from 'fast-check'
import { expect, test } from 'vitest'
import { importKey, seal, sha256Hex, unseal } from '../../../../contract/signed.ts'
import { nodeHashes } from '../../../../origin/adapters/hashes.ts'

const secret = fc.string({ minLength: 1, unit: 'grapheme' })
const text = fc.string({ unit: 'grapheme' })

test('Node hashes and signs as WebCrypto does: what either sealed the other reads', () =>
  fc.assert(
    fc.asyncProperty(secret, text, fc.uint8Array(), async (key, payload, bytes) => {
      const [edge, origin] = [await importKey(key), await importKey(key, undefined, nodeHashes)]
      const sealed = await seal(edge, 'p', payload)
      expect(await seal(origin, 'p', payload)).toBe(sealed)
      expect(await unseal(origin, 'p', sealed)).toBe(payload)
      expect(await sha256Hex(new Uint8Array(bytes), nodeHashes)).toBe(await sha256Hex(new Uint8Array(bytes)))
    }),
    { numRuns: 50 },
  ))

test('and refuses what another secret, no secret or half a signature signed', async () => {
  const origin = await importKey('newer', 'older', nodeHashes)
  for (const known of ['newer', 'older']) expect(await unseal(origin, 'p', await seal(await importKey(known), 'p', 'text'))).toBe('text')
  const sealed = await seal(await importKey('another'), 'p', 'text')
  for (const forged of [sealed, `${sealed.split('.')[0]}.`, sealed.slice(0, -4)]) expect(await unseal(origin, 'p', forged)).toBeUndefined()
})
