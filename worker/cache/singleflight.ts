import type { Clock } from './clock.ts'
import { copyOf } from './copy-error.ts'
import type { Turn } from './reader.ts'

/** What became of one key of a flight. */
export type Outcome<T> = { readonly value: T; readonly led: boolean } | { readonly error: Error }

/** One key in the air. The result is state, in plain data. */
interface Flight<T> {
  state: 'flying' | 'landed' | 'crashed'
  value?: T
  error?: Error
  /** From this moment on it is over, whatever its leader does: presumed dead, or landed and not to be handed out any more (epoch milliseconds). */
  endsAtMs: number
  readonly plane: Plane
}

/** What the keys of one departure share. Everything here is made and resolved by the leader's own request. */
interface Plane {
  /** Beyond this moment its followers give it up. */
  readonly endsAtMs: number
  /** Wakes whoever waits, each time something lands; only a wake-up. */
  news: Promise<void>
  announce: () => void
}

/** A plane that has not left yet: other readers' keys may board. */
interface Boarding<C, T> {
  readonly plane: Plane
  readonly cargo: Map<string, C>
  readonly flights: Map<string, Flight<T>>
  readonly closesAtMs: number
}

/** How a leader reports its keys, each as soon as it is known. What it reported nothing of when its work ends, has crashed. */
export interface Tower<T> {
  /** Who comes within `lingersMs` gets the value as well, until `leave` or the end of the work. */
  land(key: string, value: T, lingersMs?: number): void
  leave(key: string): void
  crash(key: string, reason: unknown): void
}

export interface Singleflight<C, T> {
  /**
   * Joins the flight of each key, or puts the key on one with what it brings along. Never rejects: each key has an outcome of its own, or
   * none where `patienceMs` ran out first; that flight goes on.
   */
  run(cargo: ReadonlyMap<string, C>, turn: Turn, patienceMs?: number): Promise<Map<string, Outcome<T>>>
  /** What has landed and lingers. */
  landed(key: string): T | undefined
  readonly size: number
}

interface Options<C, T> {
  /** Does the work for all that boarded, in the request of the reader who leads. */
  readonly fly: (cargo: ReadonlyMap<string, C>, tower: Tower<T>, leader: Turn) => Promise<void>
  readonly clock: Clock
  /** A flight that has not landed by then is given up by its followers, one of whom takes over (milliseconds). */
  readonly flightMs: number
  /** Off only to show what it is for: everybody flies alone. */
  readonly enabled: boolean
  /** Off only to show what it is for: each reader's keys depart at once and by themselves. */
  readonly gathers: boolean
}

/** How often a reader takes over from dead leaders before it reports an error. */
const MAX_ATTEMPTS = 3
/** Keys that travel together. */
const MAX_CARGO = 200
/** Beyond this many flights, and each time there are twice as many as a sweep left, those that are over are swept. */
const SWEEP_SIZE = 1_000
/** Nobody boards later than this (milliseconds): a leader that does not depart by then is dead. */
const BOARDING_MS = 50

/**
 * One flight per key in an isolate, safe across requests in workerd (docs/cache.md, Isolates): plain data only; a promise made by another
 * request is awaited but never resolved; every follower holds a timer of its own and takes the flight over when it rings; the result is
 * state, the promise only a wake-up. A naive map of promises loses over half of its readers when a third of the clients leave.
 *
 * Keys that several readers miss in one turn of the event loop travel together. Who finds nothing in the air departs at once, with what is
 * asked for in the same breath; while others are in the air the turn is waited for (1 ms in workerd).
 */
export function createSingleflight<C, T>({ fly, clock, flightMs, enabled, gathers }: Options<C, T>): Singleflight<C, T> {
  const flights = new Map<string, Flight<T>>()
  const inTheAir = new Set<Plane>()
  let boarding: Boarding<C, T> | undefined
  let sweepSize = SWEEP_SIZE
  const together = enabled && gathers

  function isBusy(): boolean {
    for (const plane of inTheAir) {
      if (clock.nowMs() < plane.endsAtMs) return true
      inTheAir.delete(plane)
    }
    return false
  }

  function openPlane(turn: Turn): Boarding<C, T> {
    const nowMs = clock.nowMs()
    const { promise: news, resolve: announce } = Promise.withResolvers<void>()
    const opened = {
      plane: { endsAtMs: nowMs + flightMs, news, announce },
      cargo: new Map<string, C>(),
      flights: new Map<string, Flight<T>>(),
      closesAtMs: nowMs + BOARDING_MS,
    }
    turn.reader.waitUntil(depart(opened, turn))
    return opened
  }

  async function depart(opened: Boarding<C, T>, leader: Turn): Promise<void> {
    const { plane, cargo, flights: onBoard } = opened
    await (together && isBusy() ? clock.sleep(0) : Promise.resolve())
    if (boarding === opened) boarding = undefined
    if (together) inTheAir.add(plane)
    function forget(key: string): void {
      if (flights.get(key) === onBoard.get(key)) flights.delete(key)
    }
    function end(key: string, result: Pick<Flight<T>, 'state' | 'value' | 'error'>, lingersMs: number): void {
      const flight = onBoard.get(key)
      if (flight?.state !== 'flying') return
      Object.assign(flight, result, { endsAtMs: clock.nowMs() + lingersMs })
      if (lingersMs === 0) forget(key)
      plane.announce()
      const { promise, resolve } = Promise.withResolvers<void>()
      plane.news = promise
      plane.announce = resolve
    }
    const tower: Tower<T> = {
      land: (key, value, lingersMs = 0) => end(key, { state: 'landed', value }, lingersMs),
      leave: forget,
      crash: (key, reason) => end(key, { state: 'crashed', error: copyOf(reason) }, 0),
    }
    let reason: unknown = new Error('nothing was reported')
    try {
      await fly(cargo, tower, leader)
    } catch (error) {
      reason = error
    }
    for (const [key, flight] of onBoard) {
      if (flight.state === 'flying') tower.crash(key, reason)
      else forget(key)
    }
    inTheAir.delete(plane)
  }

  /** Puts a key on the plane that boards, or on a new one which this reader leads. */
  function board(key: string, cargo: C, turn: Turn, alone: Boarding<C, T> | undefined): Flight<T> {
    const opened = alone ?? boardingNow(turn)
    const flight: Flight<T> = { state: 'flying', endsAtMs: opened.plane.endsAtMs, plane: opened.plane }
    opened.cargo.set(key, cargo)
    opened.flights.set(key, flight)
    if (enabled) flights.set(key, flight)
    if (flights.size > sweepSize) sweep()
    return flight
  }
  /** Flights whose leader died, and that nobody has asked for since. */
  function sweep(): void {
    for (const [key, { endsAtMs }] of flights) if (clock.nowMs() >= endsAtMs) flights.delete(key)
    sweepSize = Math.max(SWEEP_SIZE, 2 * flights.size)
  }
  /** What is in the air, or lingers. */
  function aloft(key: string): Flight<T> | undefined {
    const flight = flights.get(key)
    return flight && (flight.state === 'flying' || clock.nowMs() < flight.endsAtMs) ? flight : undefined
  }
  function boardingNow(turn: Turn): Boarding<C, T> {
    if (!boarding || boarding.cargo.size >= MAX_CARGO || clock.nowMs() >= boarding.closesAtMs) boarding = openPlane(turn)
    return boarding
  }

  return {
    async run(cargo, turn, patienceMs = Number.POSITIVE_INFINITY) {
      const outcomes = new Map<string, Outcome<T>>()
      const untilMs = clock.nowMs() + patienceMs
      let pending: readonly string[] = [...cargo.keys()]
      for (let attempt = 0; attempt < MAX_ATTEMPTS && pending.length > 0; attempt++) {
        const joined = new Map<string, Flight<T>>()
        const led = new Map<string, Flight<T>>()
        let alone: Boarding<C, T> | undefined
        for (const key of pending) {
          const flight = aloft(key)
          if (flight) joined.set(key, flight)
          else {
            if (!together && (!alone || alone.cargo.size >= MAX_CARGO)) alone = openPlane(turn)
            led.set(key, board(key, cargo.get(key) as C, turn, alone))
          }
        }
        const all = [...joined, ...led]
        await arrival(
          all.map(([, flight]) => flight),
          untilMs,
          clock,
        )
        const again: string[] = []
        for (const [key, flight] of all) {
          if (flight.state === 'landed') outcomes.set(key, { value: flight.value as T, led: led.has(key) })
          else if (flight.state === 'crashed') outcomes.set(key, { error: flight.error ?? new Error('crashed') })
          else if (clock.nowMs() >= flight.endsAtMs) {
            // The leader is presumed dead: cancelled, evicted or hung.
            if (flights.get(key) === flight) {
              flights.delete(key)
              turn.observe({ type: 'taken-over', key })
            }
            again.push(key)
          }
        }
        pending = again
      }
      for (const key of pending) outcomes.set(key, { error: new Error(`no leader of ${key} survived`) })
      return outcomes
    },
    landed: (key) => (flights.size > 0 ? aloft(key)?.value : undefined),
    get size() {
      return flights.size
    },
  }
}

/** Waits until each flight has ended or should have, or `untilMs`, by a timer of this request. */
async function arrival(flights: readonly Flight<unknown>[], untilMs: number, clock: Clock): Promise<void> {
  for (;;) {
    const nowMs = clock.nowMs()
    const flying = flights.filter(({ state, endsAtMs }) => state === 'flying' && nowMs < Math.min(endsAtMs, untilMs))
    if (flying.length === 0) return
    const planes = new Set(flying.map(({ plane }) => plane))
    const ringsAtMs = Math.min(untilMs, ...[...planes].map(({ endsAtMs }) => endsAtMs))
    const enough = new AbortController()
    await Promise.race([...[...planes].map(({ news }) => news), clock.sleep(ringsAtMs - nowMs, enough.signal)])
    enough.abort(null) // without a reason a DOMException with its stack is made
  }
}
