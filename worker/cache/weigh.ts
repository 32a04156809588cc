/** What V8 needs for a value (bytes, measured: bench/memory). */
const OBJECT_BYTES = 56
const PROPERTY_BYTES = 8
const STRING_BYTES = 24

/** What plain data weighs in memory (bytes): strings, numbers, booleans, null, and arrays and objects of them. */
export function weigh(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return STRING_BYTES + value.length
    case 'number':
      return 12
    case 'object': {
      if (value === null) return 0
      if (ArrayBuffer.isView(value)) return 2 * OBJECT_BYTES + value.byteLength
      let bytes = OBJECT_BYTES
      for (const part of Array.isArray(value) ? value : Object.values(value)) bytes += PROPERTY_BYTES + weigh(part)
      return bytes
    }
    default:
      return 0
  }
}
