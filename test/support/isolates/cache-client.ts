import { get } from 'node:http'
import { json } from 'node:stream/consumers'
import type { Told, ToldEvent } from '../cache-worker/setup.ts'
import { eventually } from '../eventually.ts'

export interface Answer extends Told {
  readonly status: number
}

/** A reader who has come and may leave. */
export interface Visit {
  /** Undefined where the reader left first. */
  readonly answer: Promise<Answer | undefined>
  readonly answered: boolean
  /** Goes away by a TCP reset: workerd does not feel a FIN. */
  leave(): void
}

interface Options {
  /** Of the isolate. */
  readonly base: string
  /** The `Setup` as the worker is told it. */
  readonly on: string
  /** In front of every key. */
  readonly tag: string
}

export type IsolateCache = ReturnType<typeof createCacheClient>

/** A cache in an isolate, as its readers see it. */
export function createCacheClient({ base, on, tag }: Options) {
  function pathOf(path: string, names: readonly string[], cut?: number): string {
    const query = new URLSearchParams([['on', on], ...names.map((name) => ['key', tag + name])])
    if (cut !== undefined) query.set('cut', String(cut))
    return `/${path}?${query}`
  }
  function ask(path: string, names: readonly string[], cut?: number): Promise<Answer> {
    const answer = fetch(base + pathOf(path, names, cut)).then(answerOf)
    answer.catch(() => {}) // a story that ends in an error leaves readers behind
    return answer
  }
  return {
    base,
    pathOf,
    /** With `cut`, what it hands to `waitUntil` ends so many milliseconds later. */
    get: (name: string, cut?: number) => ask('get', [name], cut),
    async many(names: readonly string[]): Promise<Answer> {
      const { value, ...answer } = await ask('many', names)
      const byName = Object.entries(value ?? {}).map(([text, one]) => [text.slice(tag.length), one])
      return { ...answer, value: Object.fromEntries(byName) }
    },
    /** A `get` for each, all in one turn of one request. */
    each: (names: readonly string[]) => ask('each', names),
    peek: (name: string) => ask('peek', [name]),
    invalidate: (...names: readonly string[]) => ask('invalidate', names),
    visit: (name: string, cut?: number) => visit(base + pathOf('get', [name], cut)),
    /** Resolves when so many have come for a `get`, answered or not. */
    readersCame: (count: number) =>
      eventually(async () => {
        const { came } = await ask('peek', [''])
        if (came < count) throw new Error(`${came} of ${count} readers came`)
      }),
    /** All that the cache did so far, of this kind. */
    async events(type: string): Promise<readonly ToldEvent[]> {
      return (await ask('events', [])).events.filter((event) => event.type === type)
    },
  }
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text()
  if (response.status !== 200 && response.status !== 503) throw new Error(`${response.status}: ${text}`)
  return { ...(JSON.parse(text) as Told), status: response.status }
}

function visit(url: string): Visit {
  let answered = false
  const { promise, resolve, reject } = Promise.withResolvers<Answer | undefined>()
  let left = false
  const request = get(url, { agent: false }, (response) => {
    json(response).then((told) => {
      answered = true
      resolve({ ...(told as Told), status: response.statusCode ?? 0 })
    }, reject)
  })
  request.on('error', (error) => (left ? resolve(undefined) : reject(error)))
  promise.catch(() => {}) // as above
  return {
    answer: promise,
    get answered() {
      return answered
    },
    leave() {
      left = true
      request.socket?.resetAndDestroy()
    },
  }
}

/** Asks again until the answer has this value. */
export const untilValue = (ask: () => Promise<Answer>, value: unknown): Promise<Answer> =>
  eventually(async () => {
    const answer = await ask()
    if (answer.value !== value) throw new Error(`${JSON.stringify(answer)} instead of ${JSON.stringify(value)}`)
    return answer
  })
