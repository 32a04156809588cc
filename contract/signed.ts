/**
 * Text that only we can have written: `<base64url payload>.<base64url HMAC-SHA256>`. The purpose is part of what is
 * signed, so a cursor can never be passed off as a version token.
 */
export type SigningKey = readonly [signs: CryptoKey, ...alsoVerify: CryptoKey[]]

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

const importSecret = (secret: string): Promise<CryptoKey> =>
  crypto.subtle.importKey('raw', encoder.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])

/** Imports a shared secret for HMAC-SHA256. While it is rotated, what `previous` signed is believed as well. */
export async function importKey(secret: string, previous?: string): Promise<SigningKey> {
  const signs = await importSecret(secret)
  return previous === undefined ? [signs] : [signs, await importSecret(previous)]
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
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Signs `payload` for one `purpose`. */
export async function seal([key]: SigningKey, purpose: string, payload: string): Promise<string> {
  const mac = await crypto.subtle.sign('HMAC', key, encoder.encode(`${purpose}\n${payload}`))
  return `${toBase64Url(encoder.encode(payload))}.${toBase64Url(new Uint8Array(mac))}`
}

/** The payload of a sealed text, or undefined when it is truncated, forged or sealed for something else. */
export async function unseal(keys: SigningKey, purpose: string, sealed: string): Promise<string | undefined> {
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
  for (const key of keys) if (await crypto.subtle.verify('HMAC', key, signature, signed)) return text
  return undefined
}
