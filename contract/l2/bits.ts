/**
 * Numbers as a stream of bits, and that as text which any JSON carries as it is: 32 bits are five digits of base 85, as in Z85 (ZeroMQ RFC 32),
 * but without the digits that some writers of JSON escape. A quarter longer than the bits, where six bits to a character make it a third.
 *
 * A column is numbers of one kind. It is written in the Rice code that makes it shortest (Rice, JPL publication 79-22, 1979): six bits for k, then of each
 * number the quotient by 2^k in unary, and the k bits of the rest. What would need a quotient of 20 or more is written whole, after 20 zeros.
 */
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.:,;+=^!/*?()[]{}@%$#'
const VALUE_OF = new Uint8Array(128).fill(255)
for (let i = 0; i < DIGITS.length; i++) VALUE_OF[DIGITS.charCodeAt(i)] = i

const WORD_BITS = 32
const WORD = 2 ** WORD_BITS
const WORD_DIGITS = 5
/** Numbers are below 2^42: milliseconds of an id, and twice that. */
const NUMBER_BITS = 42
const K_BITS = 6
const LONGEST_UNARY = 20

const POWERS = Array.from({ length: 2 * NUMBER_BITS }, (_, exponent) => 2 ** exponent)
const powerOf = (exponent: number): number => POWERS[exponent] ?? 0

export class BitWriter {
  private readonly words: number[] = []
  private word = 0
  private free = WORD_BITS

  /** The lowest `count` bits of a number, at most 42 of them. */
  bits(value: number, count: number): void {
    if (count > this.free) {
      const later = count - this.free
      const high = Math.floor(value / powerOf(later))
      this.bits(high, this.free)
      this.bits(value - high * powerOf(later), later)
      return
    }
    this.word += value * powerOf(this.free - count)
    this.free -= count
    if (this.free === 0) {
      this.words.push(this.word)
      this.word = 0
      this.free = WORD_BITS
    }
  }

  /** Numbers from 0 to 2^42 - 1. How many they are the reader must know. */
  column(values: readonly number[]): void {
    if (values.length === 0) return
    const k = shortestK(values)
    this.bits(k, K_BITS)
    const divisor = powerOf(k)
    for (const value of values) {
      const quotient = Math.floor(value / divisor)
      if (quotient >= LONGEST_UNARY) {
        this.bits(0, LONGEST_UNARY)
        this.bits(value, NUMBER_BITS)
      } else {
        this.bits(1, quotient + 1)
        this.bits(value - quotient * divisor, k)
      }
    }
  }

  /** All that was written, filled up with zeros. */
  text(): string {
    if (this.free < WORD_BITS) this.bits(0, this.free)
    let text = ''
    for (const word of this.words) {
      let digits = ''
      for (let rest = word, i = 0; i < WORD_DIGITS; i++, rest = Math.floor(rest / 85)) digits = (DIGITS[rest % 85] ?? '') + digits
      text += digits
    }
    return text
  }
}

/** The k for which a column is about shortest, from how many numbers of each length there are, and their sum. */
function shortestK(values: readonly number[]): number {
  const counts = new Array<number>(NUMBER_BITS + 1).fill(0)
  const sums = new Array<number>(NUMBER_BITS + 1).fill(0)
  for (const value of values) {
    const length = value < WORD ? WORD_BITS - Math.clz32(value) : 2 * WORD_BITS - Math.clz32(value / WORD)
    counts[length] = (counts[length] ?? 0) + 1
    sums[length] = (sums[length] ?? 0) + value
  }
  let best = 0
  let shortest = Number.POSITIVE_INFINITY
  for (let k = 0; k <= NUMBER_BITS; k++) {
    let bits = 0
    for (let length = 0; length <= NUMBER_BITS; length++) {
      const count = counts[length] ?? 0
      // Numbers of k + 4 bits have a quotient below 16, longer ones one of 16 or more.
      bits += length <= k + 4 ? count * (k + 1) + (sums[length] ?? 0) / powerOf(k) : count * (LONGEST_UNARY + NUMBER_BITS)
    }
    if (bits < shortest) {
      best = k
      shortest = bits
    }
  }
  return best
}

/** Throws a RangeError for text that no writer wrote, or that ends too soon. */
export class BitReader {
  private readonly words: Int32Array
  private at = 0

  constructor(text: string) {
    if (text.length % WORD_DIGITS !== 0) throw new RangeError('not whole words')
    this.words = new Int32Array(text.length / WORD_DIGITS)
    let highest = 0
    for (let i = 0, at = 0; i < this.words.length; i++) {
      let word = 0
      for (let digit = 0; digit < WORD_DIGITS; digit++) {
        const value = VALUE_OF[text.charCodeAt(at++)] ?? 255
        if (value > highest) highest = value
        word = word * 85 + value
      }
      this.words[i] = word
    }
    if (highest >= 85) throw new RangeError('not a digit')
  }

  bits(count: number): number {
    if (count > WORD_BITS) return this.bits(count - WORD_BITS) * WORD + this.bits(WORD_BITS)
    if (count === 0) return 0
    const value = this.ahead() >>> (WORD_BITS - count)
    this.at += count
    this.refuseBeyond()
    return value
  }

  column(count: number): Float64Array {
    if (count === 0) return new Float64Array()
    const k = this.bits(K_BITS)
    // A damaged count must not reserve memory for what is not there.
    if (k > NUMBER_BITS || count * (k + 1) > this.words.length * WORD_BITS - this.at)
      throw new RangeError('the text is shorter than it says')
    const values = new Float64Array(count)
    for (let i = 0; i < count; i++) {
      const quotient = Math.clz32(this.ahead())
      this.at += Math.min(quotient + 1, LONGEST_UNARY)
      values[i] = quotient < LONGEST_UNARY ? quotient * powerOf(k) + this.bits(k) : this.bits(NUMBER_BITS)
    }
    this.refuseBeyond()
    return values
  }

  /** The next 32 bits; zeros where the text ends. */
  private ahead(): number {
    const word = this.at >>> 5
    const read = this.at & 31
    const first = (this.words[word] ?? 0) << read
    return read === 0 ? first : first | ((this.words[word + 1] ?? 0) >>> (WORD_BITS - read))
  }

  private refuseBeyond(): void {
    if (this.at > this.words.length * WORD_BITS) throw new RangeError('the text ends too soon')
  }
}
