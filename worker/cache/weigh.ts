/**
 * What values weigh in V8, in bytes, measured on 64 bits without pointer compression (test/unit/worker/cache/weigh.test.ts keeps it
 * within 10 %). Where pointers are compressed the same values weigh less, never more.
 */
const WORD = 8
const TEXT_HEADER = 16
/** Header, properties and elements; each named field is a word more. */
const OBJECT_HEADER = 24
const ARRAY_HEADER = 32
const ELEMENTS_HEADER = 16
/** A number that is no small integer. */
const HEAP_NUMBER = 16
/** The array, its buffer and what accounts for memory outside of the heap. */
const BYTES_HEADER = 176

const WIDE = /[\u0100-\uffff]/
const SMALL_INTEGERS = 2 ** 30

/** A string of its own: one byte to a character up to U+00FF, two in all of it beyond. */
export const textBytes = (text: string): number => TEXT_HEADER + Math.ceil((text.length * (WIDE.test(text) ? 2 : 1)) / WORD) * WORD

/** A `Uint8Array` with a buffer of its own. */
export const bufferBytes = (bytes: Uint8Array): number => BYTES_HEADER + bytes.byteLength

/** An object with so many named fields, without what they hold. */
export const objectBytes = (fields: number): number => OBJECT_HEADER + fields * WORD

/** An array of so many elements, without what they hold. */
export const arrayBytes = (elements: number): number => ARRAY_HEADER + (elements > 0 ? ELEMENTS_HEADER + elements * WORD : 0)

/** Anything that JSON can say, and bytes, walked through. What two places share is counted twice. */
export function weigh(value: unknown): number {
  if (typeof value === 'string') return textBytes(value)
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) < SMALL_INTEGERS ? 0 : HEAP_NUMBER
  if (typeof value !== 'object' || value === null) return 0
  if (value instanceof Uint8Array) return bufferBytes(value)
  if (Array.isArray(value)) return value.reduce((sum: number, element) => sum + weigh(element), arrayBytes(value.length))
  let sum = OBJECT_HEADER
  for (const key in value) sum += WORD + weigh(value[key as keyof typeof value])
  return sum
}

/** Three words for a place and half of one for its bucket. */
const PLACE_BYTES = 28
const LEAST_PLACES = 4

/**
 * Keeps up with the table of a `Map`: V8 doubles it when it is full, unless half of it are deleted ones, which are swept then, and
 * halves it below a quarter. So it has one to four places for an entry: too much of a spread for a constant.
 */
export function createMapWeight() {
  let places = LEAST_PLACES
  let live = 0
  /** Live and deleted ones. */
  let used = 0
  const doubles = (): boolean => used === places && used - live < places / 2 // when one more comes
  return {
    added(): void {
      if (used === places) {
        if (doubles()) places *= 2
        used = live
      }
      used++
      live++
    },
    deleted(): void {
      live--
      if (live >= places / 4 || places === LEAST_PLACES) return
      places /= 2
      used = live
    },
    cleared(): void {
      places = LEAST_PLACES
      live = used = 0
    },
    get bytes(): number {
      return places * PLACE_BYTES
    },
    get bytesWithOneMore(): number {
      return (doubles() ? 2 * places : places) * PLACE_BYTES
    },
  }
}
