import { serve } from './shell.js'

/** What one writes first: a Map of values and a Map of promises. */
const values = new Map()
const flights = new Map()

export default serve(() => (key, load) => {
  const value = values.get(key)
  if (value && value.endsAtMs > Date.now()) return value.value
  const flight =
    flights.get(key) ??
    load()
      .then((value) => {
        values.set(key, { value, endsAtMs: Date.now() + 60_000 })
        return value
      })
      .finally(() => flights.delete(key))
  flights.set(key, flight)
  return flight
})
