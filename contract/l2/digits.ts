/**
 * Ids and numbers in digits of six bits, whose order is the order of the characters. An id is its 64 bits in eleven of them, so texts order as ids do. Other
 * numbers are written five bits to a digit, lowest first, the sixth bit saying that more follow.
 */
const DIGITS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz'
const VALUE_OF = new Uint8Array(128).fill(255)
for (let i = 0; i < DIGITS.length; i++) VALUE_OF[DIGITS.charCodeAt(i)] = i

const ID_WIDTH = 11

const digit = (value: number): string => DIGITS[value] ?? ''

export function packId(id: string): string {
  let rest = BigInt(id)
  let text = ''
  for (let i = 0; i < ID_WIDTH; i++) {
    text = digit(Number(rest & 63n)) + text
    rest >>= 6n
  }
  return text
}

export function packNumber(value: number): string {
  let text = ''
  let rest = value
  while (rest > 31) {
    text += digit((rest % 32) + 32)
    rest = Math.floor(rest / 32)
  }
  return text + digit(rest)
}

/** For the one difference that may be negative: a root minted by a faster clock than its repost. */
export const packSigned = (value: number): string => packNumber(value < 0 ? -value * 2 - 1 : value * 2)

/** Reads what they pack; throws a RangeError for other text. */
export class Reader {
  at = 0
  private readonly text: string
  constructor(text: string) {
    this.text = text
  }
  get done(): boolean {
    return this.at >= this.text.length
  }
  private value(): number {
    const value = VALUE_OF[this.text.charCodeAt(this.at++)]
    if (value === undefined || value === 255) throw new RangeError('not a digit')
    return value
  }
  char(): string {
    return this.text[this.at++] ?? ''
  }
  id(): string {
    let high = 0
    for (let i = 0; i < 5; i++) high = high * 64 + this.value()
    let low = 0
    for (let i = 0; i < 6; i++) low = low * 64 + this.value()
    return ((BigInt(high) << 36n) | BigInt(low)).toString()
  }
  signed(): number {
    const value = this.number()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
  number(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const next = this.value()
      value += (next & 31) * factor
      if (next < 32) return value
      factor *= 32
    }
  }
  /** How many things follow, each of one digit at least: a damaged count must not reserve memory for what is not there. */
  count(): number {
    const count = this.number()
    if (count > this.text.length - this.at) throw new RangeError('the text is shorter than it says')
    return count
  }
}
