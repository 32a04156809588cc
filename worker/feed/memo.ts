/** Remembers what is cheap to make again, within a budget. */
export interface Memo<V> {
  get(name: string): V | undefined
  set(name: string, value: V, bytes: number): void
}

/** What an entry weighs beside its name and its value (bytes, estimated). */
const OVERHEAD_BYTES = 200

/**
 * Two generations of half the budget each: what is asked for while it is old moves on to the young, the rest goes with its generation.
 * A hit in the young one moves nothing.
 */
export function createMemo<V>(maxBytes: number): Memo<V> {
  interface Entry {
    readonly value: V
    readonly bytes: number
  }
  let young = new Map<string, Entry>()
  let old = new Map<string, Entry>()
  let youngBytes = 0

  function add(name: string, entry: Entry): void {
    const known = young.get(name)
    if (youngBytes + entry.bytes - (known?.bytes ?? 0) > maxBytes / 2) {
      old = young
      young = new Map()
      youngBytes = 0
    } else if (known) youngBytes -= known.bytes
    young.set(name, entry)
    youngBytes += entry.bytes
  }

  function forget(name: string): void {
    youngBytes -= young.get(name)?.bytes ?? 0
    young.delete(name)
  }

  return {
    get(name) {
      const known = young.get(name)
      if (known) return known.value
      const older = old.get(name)
      if (!older) return undefined
      old.delete(name)
      add(name, older)
      return older.value
    },
    set(name, value, valueBytes) {
      const bytes = valueBytes + 2 * name.length + OVERHEAD_BYTES
      old.delete(name)
      if (bytes <= maxBytes / 16) add(name, { value, bytes })
      else forget(name)
    },
  }
}
