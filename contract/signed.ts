type Bytes = Uint8Array<ArrayBuffer>

/** SHA-256, and HMAC-SHA256 (RFC 2104) of one secret, as the runtime has them: at once, or by a thread. */
export interface Hashes {
  sha256(bytes: Bytes): Bytes | Promise<Bytes>
  hmac(secret: string): Mac | Promise<Mac>
}
export interface Mac {
  sign(bytes: Bytes): Bytes | Promise<Bytes>
  /** Takes as long wherever they differ. */
  verify(mac: Bytes, bytes: Bytes): boolean | Promise<boolean>
}

/**
 * Text that only we can have written: `<base64url payload>.<base64url HMAC-SHA256>`. The purpose is part of what is
 * signed, so a cursor can never be passed off as a version token.
 */
export interface SigningKey extends Pick<Hashes, 'sha256'> {
  readonly signs: Mac
  readonly alsoVerify?: Mac
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** What every runtime has. */
const WEB_CRYPTO: Hashes = {
  sha256: async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)),
  async hmac(secret) {
    const key = await crypto.subtle.importKey('raw', encoder.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
    return {
      sign: async (bytes) => new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes)),
      verify: (mac, bytes) => crypto.subtle.verify('HMAC', key, mac, bytes),
    }
  },
}

/** Takes a shared secret for HMAC-SHA256. While it is rotated, what `previous` signed is believed as well. */
export async function importKey(secret: string, previous?: string, hashes: Hashes = WEB_CRYPTO): Promise<SigningKey> {
  const { sha256 } = hashes
  const signs = await hashes.hmac(secret)
  return previous === undefined ? { sha256, signs } : { sha256, signs, alsoVerify: await hashes.hmac(previous) }
}

export function toBase64Url(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** The bytes of a base64url text, or undefined when it is none or not in the one canonical form. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0))
  return toBase64Url(bytes) === text ? bytes : undefined
}

/** SHA-256 as hexadecimal text. */
export async function sha256Hex(bytes: Bytes, { sha256 }: Pick<Hashes, 'sha256'> = WEB_CRYPTO): Promise<string> {
  return [...(await sha256(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Signs `payload` for one `purpose`. */
export async function seal({ signs }: SigningKey, purpose: string, payload: string): Promise<string> {
  const mac = await signs.sign(encoder.encode(`${purpose}\n${payload}`))
  return `${toBase64Url(encoder.encode(payload))}.${toBase64Url(mac)}`
}

/** The payload of a sealed text, or undefined when it is truncated, forged or sealed for something else. */
export async function unseal({ signs, alsoVerify }: SigningKey, purpose: string, sealed: string): Promise<string | undefined> {
  const [head, mac, ...rest] = sealed.split('.')
  if (head === undefined || mac === undefined || rest.length > 0) return undefined
  const payload = fromBase64Url(head)
  const signature = fromBase64Url(mac)
  if (!payload || !signature) return undefined
  let text: string
  try {
    text = decoder.decode(payload)
  } catch {
    return undefined
  }
  const signed = encoder.encode(`${purpose}\n${text}`)
  const ours = (await signs.verify(signature, signed)) || (await alsoVerify?.verify(signature, signed))
  return ours ? text : undefined
}
