import { encodePushed, type PackedEntry } from '../../contract/l2/codec.ts'
import { keyOf, leaseKeyOf } from '../../contract/l2/keys.ts'
import { type Delivery, ID_DIGITS } from '../fanout/l2-port.ts'

const quoted = (text: string): string => JSON.stringify(text)

/**
 * The command of a push as the bytes of its JSON: what `pushCall` says, for a chunk's viewers without a string of each. `head` is evalsha and the hash, or eval and
 * the text. It is made for every entry that is fanned out: the keys of a run are one pattern, repeated, into which the ids are written.
 */
export function pushBody(
  head: readonly [command: string, script: string],
  prefix: string,
  entries: readonly PackedEntry[],
  deliveries: readonly Delivery[],
  beatKey: string,
): Buffer {
  let pairs = 0
  let which = ''
  const parts = deliveries.map((delivery) => {
    const count = 'key' in delivery ? 1 : delivery.viewers.length / ID_DIGITS
    pairs += count
    which += String(delivery.entry + 1)
      .padStart(3, '0')
      .repeat(count)
    return 'key' in delivery
      ? Buffer.from(`${quoted(prefix + delivery.key)},${quoted(prefix + leaseKeyOf(delivery.key))},`)
      : timelinesOf(prefix, delivery.viewers)
  })
  const args = [prefix + beatKey, ...entries.map(encodePushed), which].map(quoted).join(',')
  return Buffer.concat([Buffer.from(`[${head.map(quoted).join(',')},${2 * pairs + 1},`), ...parts, Buffer.from(`${args}]`)])
}

/** The timeline of each viewer and its lease, as JSON. */
function timelinesOf(prefix: string, viewers: string): Buffer {
  const ids = Buffer.from(viewers, 'latin1')
  const before = quoted(prefix + keyOf.timeline('')).slice(0, -1)
  const between = `",${quoted(prefix + leaseKeyOf(keyOf.timeline(''))).slice(0, -1)}`
  const blank = ' '.repeat(ID_DIGITS)
  const pair = Buffer.from(`${before}${blank}${between}${blank}",`)
  const keyAt = Buffer.byteLength(before)
  const leaseAt = keyAt + ID_DIGITS + Buffer.byteLength(between)
  const text = Buffer.alloc((ids.length / ID_DIGITS) * pair.length, pair)
  for (let from = 0, to = 0; from < ids.length; from += ID_DIGITS, to += pair.length) {
    for (let i = 0; i < ID_DIGITS; i++) {
      const digit = ids[from + i] ?? 0
      text[to + keyAt + i] = digit
      text[to + leaseAt + i] = digit
    }
  }
  return text
}
