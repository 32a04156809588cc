/** Refuses some calls of a function, counted from 1, as V8 refuses an allocation. */
export function refusing<A, R>(calls: readonly number[], work: (argument: A) => R): (argument: A) => R {
  let called = 0
  return (argument) => {
    if (calls.includes(++called)) throw new RangeError('Array buffer allocation failed')
    return work(argument)
  }
}

const slots = new Set<string>()

/** Memory's slot for each of these keys is refused once, as V8 does where a map grows beyond what it may. */
export function refuseSlots(keys: readonly string[]): void {
  for (const key of keys) slots.add(key)
}

const set = Map.prototype.set
Map.prototype.set = function refuse(key: unknown, value: unknown) {
  const isSlot = slots.size > 0 && typeof value === 'object' && value !== null && 'quietUntilMs' in value && 'visited' in value
  if (isSlot && typeof key === 'string' && slots.delete(key)) throw new RangeError('Map maximum size exceeded')
  return set.call(this, key, value)
}
