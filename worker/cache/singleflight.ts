import type { Clock } from './clock.ts'

/** What became of one key of a flight. */
export type Outcome<T> = { readonly value: T; readonly led: boolean } | { readonly error: Error }

interface Flight<T> {
  state: 'flying' | 'landed' | 'crashed'
  value?: T
  error?: Error
  readonly endsAtMs: number
  /** Wakes whoever waits; the result is in the fields above. Made and resolved by the leader's own request. */
  readonly wake: Promise<void>
  readonly settled: () => void
}

/** How a leader reports its keys, each as soon as it is known. What it reported nothing of when its work ends, has crashed. */
export interface Tower<T> {
  land(key: string, value: T): void
  crash(key: string, reason: unknown): void
}

/** Does the work for `keys`. */
export type Fly<T> = (keys: readonly string[], tower: Tower<T>) => Promise<void>

/** The request that wants to know. */
export interface Passenger {
  /** Keeps the work alive if this request turns out to lead and its client leaves (`ctx.waitUntil`). */
  readonly adopt: (work: Promise<unknown>) => void
  /** Told of each flight it gave up for dead. */
  readonly tookOver: (key: string) => void
}

export interface Singleflight<T> {
  /** Joins the flight of each key, or leads one for those that have none. Never rejects: each key has an outcome of its own. */
  run(keys: readonly string[], fly: Fly<T>, passenger: Passenger): Promise<Map<string, Outcome<T>>>
  readonly size: number
}

interface Options {
  readonly clock: Clock
  /** A flight that has not landed by then is given up by its followers, one of whom takes over (milliseconds). */
  readonly flightMs: number
  /** Off only to show what it is for. */
  readonly enabled: boolean
}

/** How often a reader takes over from dead leaders before it reports an error. */
const MAX_ATTEMPTS = 3

/**
 * One flight per key in an isolate, safe across requests in workerd (docs/architecture.md, Isolates): plain data only; a promise made by another request
 * is awaited but never resolved; every follower holds a timer of its own and takes the flight over when it rings; the result is
 * state, the promise only a wake-up. A naive map of promises loses over half of its readers when a third of the clients leave.
 */
export function createSingleflight<T>({ clock, flightMs, enabled }: Options): Singleflight<T> {
  const flights = new Map<string, Flight<T>>()

  /** Starts a flight for each key. Only this request will ever resolve what it makes here. */
  function lead(keys: readonly string[], fly: Fly<T>, adopt: Passenger['adopt']): Map<string, Flight<T>> {
    const led = new Map<string, Flight<T>>()
    for (const key of keys) {
      const { promise: wake, resolve: settled } = Promise.withResolvers<void>()
      const flight: Flight<T> = { state: 'flying', endsAtMs: clock.nowMs() + flightMs, wake, settled }
      led.set(key, flight)
      if (enabled) flights.set(key, flight)
    }
    function end(key: string, result: Pick<Flight<T>, 'state' | 'value' | 'error'>): void {
      const flight = led.get(key)
      if (flight?.state !== 'flying') return
      Object.assign(flight, result)
      if (flights.get(key) === flight) flights.delete(key)
      flight.settled()
    }
    const tower: Tower<T> = {
      land: (key, value) => end(key, { state: 'landed', value }),
      crash: (key, reason) => end(key, { state: 'crashed', error: copyOf(reason) }),
    }
    const crashRest = (reason: unknown) => {
      for (const key of keys) tower.crash(key, reason)
    }
    if (keys.length > 0) adopt((async () => fly(keys, tower))().then(() => crashRest(new Error('nothing was reported')), crashRest))
    return led
  }

  return {
    async run(keys, fly, passenger) {
      const outcomes = new Map<string, Outcome<T>>()
      let pending = [...new Set(keys)]
      for (let attempt = 0; attempt < MAX_ATTEMPTS && pending.length > 0; attempt++) {
        const joined = new Map<string, Flight<T>>()
        for (const key of pending) {
          const flight = flights.get(key)
          if (flight) joined.set(key, flight)
        }
        const led = lead(
          pending.filter((key) => !joined.has(key)),
          fly,
          passenger.adopt,
        )
        const all = [...joined, ...led]
        await arrival(
          all.map(([, flight]) => flight),
          clock,
        )
        pending = []
        for (const [key, flight] of all) {
          if (flight.state === 'landed') outcomes.set(key, { value: flight.value as T, led: led.has(key) })
          else if (flight.state === 'crashed') outcomes.set(key, { error: flight.error ?? new Error('crashed') })
          else {
            // The leader is presumed dead: cancelled, evicted or hung.
            if (flights.get(key) === flight) flights.delete(key)
            passenger.tookOver(key)
            pending.push(key)
          }
        }
      }
      for (const key of pending) outcomes.set(key, { error: new Error(`no leader of ${key} survived`) })
      return outcomes
    },
    get size() {
      return flights.size
    },
  }
}

/** Waits until each flight has ended, or with a timer of this request until it should have: a dead one does not wait for the young. */
async function arrival(flights: readonly Flight<unknown>[], clock: Clock): Promise<void> {
  const enough = new AbortController()
  const byEnd = Map.groupBy(
    flights.filter((flight) => flight.state === 'flying'),
    (flight) => flight.endsAtMs,
  )
  await Promise.all(
    [...byEnd].map(([endsAtMs, flying]) =>
      Promise.race([Promise.all(flying.map((flight) => flight.wake)), clock.sleep(Math.max(0, endsAtMs - clock.nowMs()), enough.signal)]),
    ),
  )
  enough.abort()
}

/** A plain copy: an error object may hold on to the request that made it. */
function copyOf(reason: unknown): Error {
  const copy = new Error(reason instanceof Error ? reason.message : String(reason))
  if (reason instanceof Error) copy.name = reason.name
  return copy
}
