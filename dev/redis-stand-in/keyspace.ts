import { type Bytes, CommandError } from './reply.ts'

/** A string, a hash, or a list: the types that our code, our tests and the façade's use. */
export type Value = Bytes | Map<Bytes, Bytes> | Bytes[]

export const typeOf = (value: Value): 'string' | 'list' | 'hash' =>
  typeof value === 'string' ? 'string' : Array.isArray(value) ? 'list' : 'hash'

export type Keyspace = ReturnType<typeof createKeyspace>

/** Keys, values and when they end. A key whose end has come is gone for every question asked here; `sweep` frees its memory. */
export function createKeyspace(nowMs: () => number) {
  const values = new Map<Bytes, Value>()
  const ends = new Map<Bytes, number>()
  let sweeping = ends.entries()

  const remove = (key: Bytes): boolean => {
    ends.delete(key)
    return values.delete(key)
  }
  const has = (key: Bytes): boolean => {
    const endsAtMs = ends.get(key)
    if (endsAtMs !== undefined && endsAtMs <= nowMs()) remove(key)
    return values.has(key)
  }
  const get = (key: Bytes): Value | undefined => (has(key) ? values.get(key) : undefined)
  /** Every key that lives, oldest first. */
  const keys = (): Bytes[] => [...values.keys()].filter(has)

  return {
    has,
    get,
    remove,
    keys,
    string: (key: Bytes): Bytes | undefined => expectType(get(key), (value) => typeof value === 'string'),
    hash: (key: Bytes): Map<Bytes, Bytes> | undefined => expectType(get(key), (value) => value instanceof Map),
    list: (key: Bytes): Bytes[] | undefined => expectType(get(key), (value): value is Bytes[] => Array.isArray(value)),
    /** Stores a value; the key keeps its end, if it has one. */
    put: (key: Bytes, value: Value): void => void values.set(key, value),
    endsAtMs: (key: Bytes): number | undefined => (has(key) ? ends.get(key) : undefined),
    expireAt: (key: Bytes, atMs: number): void => void ends.set(key, atMs),
    persist: (key: Bytes): boolean => ends.delete(key),
    clear(): void {
      values.clear()
      ends.clear()
    },
    /** Looks at `most` keys that have an end, going on where the last sweep stopped, and removes those whose end has come. */
    sweep(most: number): void {
      for (let looked = 0; looked < most; looked++) {
        const next = sweeping.next()
        if (next.done) {
          sweeping = ends.entries()
          return
        }
        has(next.value[0])
      }
    },
    /** Keys held in memory, those not swept yet included. */
    get size() {
      return values.size
    },
  }
}

function expectType<T extends Value>(value: Value | undefined, isOfType: (value: Value) => value is T): T | undefined {
  if (value === undefined || isOfType(value)) return value
  throw new CommandError('WRONGTYPE Operation against a key holding the wrong kind of value')
}
