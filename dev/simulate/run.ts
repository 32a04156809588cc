import { setTimeout as sleep } from 'node:timers/promises'
import { drawer } from './chance.ts'
import { createAsk } from './client.ts'
import { createFollowers } from './followers.ts'
import { createMeasures, type Measures } from './measures.ts'
import type { Action, Plan } from './model.ts'
import { createAuthor, createReader, newPerson, type Person } from './reader.ts'
import { createSlots } from './slots.ts'
import { createWatch, type Sighting } from './watch.ts'
import type { World } from './world.ts'

/** Requests in the air at once. A laptop answers this many in well under a second. */
const MAX_IN_FLIGHT = 48
/** A request that finds no place for so long is dropped, and counted. */
const PATIENCE_MS = 5_000
/** Intervals of the picture, and their least length. */
const INTERVALS = 60
const MIN_INTERVAL_MS = 2_000

export interface Ran {
  readonly measures: Measures
  readonly sightings: readonly Sighting[]
  readonly tookMs: number
  readonly ask: ReturnType<typeof createAsk>
}

interface Order {
  readonly world: World
  readonly plan: Plan
  readonly lengthMs: number
  /** Ends it early; what is in the air is waited for. */
  readonly signal: AbortSignal
  readonly onTick: (elapsedMs: number, measures: Measures) => void
}

/** Carries a plan out. Actions begin when the plan says, whatever became of those before: an open loop. */
export async function runPlan({ world, plan, lengthMs, signal, onTick }: Order): Promise<Ran> {
  const { people } = world
  const idOf = (place: number): string => people[place]?.id ?? ''
  const followers = createFollowers(await world.followsOf(plan.readers.map(idOf)))
  const startedAtMs = performance.now()
  const measures = createMeasures(Math.max(MIN_INTERVAL_MS, lengthMs / INTERVALS))
  const slots = createSlots(MAX_IN_FLIGHT, PATIENCE_MS)
  const ask = createAsk({ workerUrl: world.workerUrl, tokenOf: world.tokenOf, measures, slots, startedAtMs })
  const drawSomeone = drawer(people.map((person) => person.followers + 1))
  const step = createReader({ ask, followers, someone: (u) => idOf(drawSomeone(u)) })
  const author = createAuthor({ ask })
  const watch = createWatch({ ask, followers, startedAtMs })

  const apps = new Map<string, Person>()
  const appOf = (place: number): Person => {
    const id = idOf(place)
    const app = apps.get(id) ?? newPerson(id)
    apps.set(id, app)
    return app
  }
  const ended = AbortSignal.any([signal, AbortSignal.timeout(lengthMs)])
  /** False when the run ended before that moment came. */
  const until = async (atMs: number): Promise<boolean> => {
    const pauseMs = atMs - performance.now()
    if (pauseMs > 0) await sleep(pauseMs, undefined, { signal: ended }).catch(() => {})
    return !ended.aborted
  }

  async function perform(action: Action, dueAtMs: number): Promise<void> {
    if (action.type === 'post') {
      const app = appOf(action.author)
      const { deletedAfterMs } = action
      const post = () => author.post(app, action.text, Math.max(dueAtMs, performance.now()))
      if (deletedAfterMs === undefined) return void (await watch.watched(app.client.id, action.pick, post))
      const postId = await post()
      const deleteAtMs = performance.now() + deletedAfterMs
      if (postId !== undefined && (await until(deleteAtMs))) await author.remove(app, postId, deleteAtMs)
      return
    }
    const app = appOf(action.reader)
    let atMs = dueAtMs
    for (const one of action.steps) {
      atMs += one.pauseMs
      if (!(await until(atMs))) return
      await step(app, one, atMs)
      atMs = performance.now() // the next pause begins when the answer is there
    }
  }

  const ticker = setInterval(() => onTick(performance.now() - startedAtMs, measures), 1_000)
  const running = new Set<Promise<void>>()
  try {
    for (const action of plan.actions()) {
      const dueAtMs = startedAtMs + action.atMs
      if (!(await until(dueAtMs))) break
      const one = perform(action, dueAtMs).finally(() => running.delete(one))
      running.add(one)
    }
    await until(startedAtMs + lengthMs)
    await Promise.all(running)
  } finally {
    clearInterval(ticker)
  }
  return { measures, sightings: watch.sightings(), tookMs: performance.now() - startedAtMs, ask }
}
