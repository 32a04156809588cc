import {
  type Cache,
  type CacheEvent,
  type CacheOptions,
  createCache,
  type Item,
  type Reader,
  redisTier,
} from '../../../worker/standalone.ts'
import { refuseSlots, refusing } from './refusals.ts'
import type { Setup } from './setup.ts'

interface Env {
  readonly ORIGIN_URL: string
  readonly L2_URL: string
  readonly L2_TOKEN: string
}

interface Kept {
  readonly cache: Cache<unknown>
  readonly events: CacheEvent[]
  /** How many came for a `get`. */
  came: number
}

/** What an origin may answer instead of items. */
interface Refusal {
  readonly throws: string
}

type Loader =
  | Pick<Extract<CacheOptions<unknown>, { load: unknown }>, 'load'>
  | Pick<Extract<CacheOptions<unknown>, { loadOne: unknown }>, 'loadOne'>

const caches = new Map<string, Kept>()

/** The cache of a setup in this isolate. */
function cacheOf(text: string, env: Env): Kept {
  const known = caches.get(text)
  if (known) return known
  const wished: Setup = JSON.parse(text)
  const { lifetimes = {}, settings, shared, sharedDeadlineMs: deadlineMs, oneByOne, switchedOff = [], refuses = {}, quiet }: Setup = wished
  const events: CacheEvent[] = []
  refuseSlots(refuses.slots ?? [])
  const tier = { url: env.L2_URL, token: env.L2_TOKEN, prefix: 'isolates:', ...(deadlineMs !== undefined && { deadlineMs }) }
  const loader: Loader = oneByOne
    ? { loadOne: async (key, { signal }) => firstOf(await load([key], signal, env)) }
    : { load: (keys, { signal }) => load(keys, signal, env) }
  const cache = createCache<unknown>({
    lifetimes,
    ...(shared && { shared: redisTier(tier) }),
    ...(refuses.encode && { encode: refusing(refuses.encode, JSON.stringify) }),
    ...(refuses.decode && { decode: refusing(refuses.decode, JSON.parse) }),
    ...(refuses.sizeOf && { sizeOf: refusing(refuses.sizeOf, () => 100) }),
    settings: { ...settings, switchedOff: new Set(switchedOff) },
    observe: quiet ? () => {} : (event) => void events.push(event),
    ...loader,
  })
  const kept = { cache, events, came: 0 }
  caches.set(text, kept)
  return kept
}

async function load(keys: readonly string[], signal: AbortSignal, env: Env): Promise<Item<unknown>[]> {
  const response = await fetch(env.ORIGIN_URL, { method: 'POST', body: JSON.stringify(keys), signal })
  if (!response.ok) throw new Error(`the origin answered ${response.status}`)
  const answer: Item<unknown>[] | Refusal = await response.json()
  if ('throws' in answer) throw new TypeError(answer.throws)
  return answer
}

function firstOf([item]: readonly Item<unknown>[]): unknown {
  if (item && 'error' in item) throw item.error
  return item?.value ?? null
}

/** The request as a reader. `cut` ends what it handed to `waitUntil` after so many milliseconds, as the platform does after 30 s. */
function readerOf(ctx: Reader, cut: string | null): Reader {
  if (cut === null) return ctx
  const cutMs = Number(cut)
  return {
    waitUntil(work) {
      if (cutMs > 0) ctx.waitUntil(Promise.race([work, new Promise((resolve) => setTimeout(resolve, cutMs))]))
    },
  }
}

async function ask(path: string, keys: readonly string[], cache: Cache<unknown>, reader: Reader): Promise<unknown> {
  const [key = ''] = keys
  switch (path) {
    case '/get':
      return cache.get(key, reader)
    case '/each':
      return Promise.all(keys.map((one) => cache.get(one, reader)))
    case '/many':
      return Object.fromEntries(await cache.getMany(keys, reader))
    case '/peek':
      return cache.peek(key)
    case '/invalidate':
      return cache.invalidate(keys, reader)
    default:
      return undefined
  }
}

const plain = (_: string, value: unknown): unknown => (value instanceof Error ? String(value) : value)

/**
 * A worker around the cache alone, for tests: `on` is the `Setup` as JSON, `key` may come more than once. What the cache rejects is a 503;
 * whatever else goes wrong stays the 500 that workerd makes of it.
 */
export default {
  async fetch(request: Request, env: Env, ctx: Reader): Promise<Response> {
    const startedAtMs = Date.now()
    const { pathname, searchParams } = new URL(request.url)
    const setup = searchParams.get('on')
    if (setup === null) return new Response('ok')
    const kept = cacheOf(setup, env)
    const { cache, events } = kept
    if (pathname === '/get') kept.came++
    const since = pathname === '/events' ? 0 : events.length
    const told = await ask(pathname, searchParams.getAll('key'), cache, readerOf(ctx, searchParams.get('cut'))).then(
      (value) => ({ value }),
      (error: unknown) => ({ error: String(error) }),
    )
    const body = JSON.stringify({ ...told, startedAtMs, came: kept.came, events: events.slice(since) }, plain)
    return new Response(body, { status: 'error' in told ? 503 : 200, headers: { 'content-type': 'application/json' } })
  },
}
