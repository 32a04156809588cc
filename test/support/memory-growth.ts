import { encodeIds, encodeList, type PackedEntry } from '../../contract/l2/codec.ts'
import { encodePostValue } from '../../contract/l2/post-value.ts'
import { decodeValue, encodeValue } from '../../contract/l2/value.ts'
import type { Key, Lifetimes } from '../../worker/cache/entry.ts'
import { createMemoryTier, type MemoryTier } from '../../worker/cache/memory-tier.ts'
import { weigh } from '../../worker/cache/weigh.ts'
import { createFeedKeys, type FeedLifetimes } from '../../worker/feed/keys.ts'
import { mulberry32 } from './random.ts'

/**
 * Run with --expose-gc. Fills memory tiers with entries as they come out of L2 and prints, a line of JSON for each kind, what V8
 * holds for them, what the tier says it holds, and what the texts of the values amount to.
 */
const BYTES = 1_000_000
const LIVES: Lifetimes = { softMs: 30_000, hardMs: 600_000, graceMs: 3_600_000, absentMs: 2_000 }
const START_MS = 1_763_700_000_000
const collect = globalThis.gc
if (!collect) throw new Error('run with --expose-gc')
const keys = createFeedKeys({
  timeline: LIVES,
  viewer: LIVES,
  author: LIVES,
  post: LIVES,
  user: LIVES,
  crowd: LIVES,
  relation: LIVES,
  counts: LIVES,
  marks: LIVES,
  merged: LIVES,
  popular: LIVES,
} satisfies FeedLifetimes)
const random = mulberry32(1)
const id = (): string => String(1_500_000_000_000_000_000n + BigInt(Math.floor(random() * 2 ** 53)))
const ids = (count: number): string[] => Array.from({ length: count }, id)
const between = (least: number, most: number): number => least + Math.floor(random() * (most - least))
const ascii = (length: number): string => Array.from({ length }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join('')

/** A value as the worker gets it: text in the reply of a REST call, decoded by its key. */
interface Sample {
  readonly key: Key<unknown>
  readonly payload: string | null
}

function listPayload(length: number, candidates = 0): string {
  const actors = ids(Math.max(1, Math.min(40, length / 4)))
  const pick = (): string => actors[Math.floor(random() * actors.length)] ?? ''
  const entries = ids(length)
    .sort()
    .reverse()
    .map((activityId): PackedEntry => {
      const root = random() < 0.12 ? { root: { id: id(), authorId: pick() } } : {}
      return { activityId, actorId: pick(), audience: 'public', ...root }
    })
  return encodeList({ completeSince: '0', candidates: ids(candidates), entries })
}
const postPayload = (bytes: number): string =>
  encodePostValue({
    kind: 'post',
    authorId: id(),
    json: JSON.stringify({ id: id(), text: ascii(bytes - 90), created_at: new Date(1.7e12) }),
  })
/** As somebody would use the cache for JSON of their own. */
const jsonKey = (text: string): Key<unknown> => ({ text, lifetimes: LIVES, decode: (payload) => JSON.parse(payload), sizeOf: weigh })
const product = (i: number) => ({
  id: i,
  sku: ascii(12),
  title: ascii(between(20, 60)),
  price: i + 0.99,
  stock: between(0, 500),
  tags: [ascii(6), ascii(8), ascii(5)],
  maker: { id: id(), name: ascii(14) },
  text: ascii(between(50, 600)),
})

const tombstone = (): Sample => ({ key: keys.post(id(), 'public'), payload: 'x' })
const KINDS: Record<string, (i: number) => Sample> = {
  'timeline of 800': () => ({ key: keys.timeline(id()), payload: listPayload(800, 20) }),
  'timeline of 100': () => ({ key: keys.timeline(id()), payload: listPayload(100, 5) }),
  'author list of 20': () => ({ key: keys.author(id(), 'public'), payload: listPayload(20) }),
  'empty list': () => ({ key: keys.author(id(), 'public'), payload: encodeList({ completeSince: '0', candidates: [], entries: [] }) }),
  'post of 300 to 2000 bytes': () => ({ key: keys.post(id(), 'public'), payload: postPayload(between(300, 2_000)) }),
  'post of 150 bytes': () => ({ key: keys.post(id(), 'public'), payload: postPayload(150) }),
  repost: () => ({
    key: keys.post(id(), 'public'),
    payload: encodePostValue({ kind: 'repost', authorId: id(), rootId: id(), rootAuthorId: id() }),
  }),
  tombstone,
  profile: () => ({ key: keys.user(id()), payload: JSON.stringify({ id: id(), handle: ascii(12), name: ascii(16) }) }),
  'viewer state': () => ({ key: keys.viewer(id()), payload: JSON.stringify({ followVersion: 3, left: [] }) }),
  'viewer state with 1 to 200 left': () => ({
    key: keys.viewer(id()),
    payload: JSON.stringify({ followVersion: 3, left: ids(between(1, 200)) }),
  }),
  'crowd of 200': () => ({ key: { ...keys.crowd(), text: `crowd-${id()}` }, payload: encodeIds(ids(200)) }),
  absence: () => ({ key: keys.post(id(), 'public'), payload: null }),
  'text of 100 to 4000 characters': () => ({ key: jsonKey(`page:${id()}`), payload: JSON.stringify(ascii(between(100, 4_000))) }),
  'text with an emoji': () => ({ key: jsonKey(`page:${id()}`), payload: JSON.stringify(`🙂${ascii(between(100, 4_000))}`) }),
  'JSON object': (i) => ({ key: jsonKey(`product:${i}`), payload: JSON.stringify(product(i)) }),
  'JSON array of 50 objects': (i) => ({
    key: jsonKey(`page:${i}`),
    payload: JSON.stringify(Array.from({ length: 50 }, (_, at) => product(at))),
  }),
  'small number': (i) => ({ key: jsonKey(`stock:${i}`), payload: String(i) }),
}

/** What an isolate holds: mostly posts and profiles, some of everything else. */
const kinds = Object.values(KINDS)
function mixed(i: number): Sample {
  const u = random()
  const kind = u < 0.5 ? 'post of 300 to 2000 bytes' : u < 0.8 ? 'profile' : undefined
  const make = kind ? KINDS[kind] : kinds[Math.floor(random() * kinds.length)]
  return (make ?? tombstone)(i)
}

/** Puts a sample into the tier as the read path does; answers the length of its text. */
function put(tier: MemoryTier, { key, payload }: Sample): number {
  const nowMs = START_MS + Math.floor(random() * 1e6)
  const ends = { softExpiresAtMs: nowMs + 30_000, hardExpiresAtMs: nowMs + 600_000, graceEndsAtMs: nowMs + 4_200_000, deltaMs: 40 }
  const reply: unknown = JSON.parse(JSON.stringify(encodeValue({ ...ends, truth: 3, stamp: 2, tailLength: 0, payload })))
  const framed = decodeValue(String(reply))
  if (!framed) throw new Error('not framed')
  const { softExpiresAtMs, hardExpiresAtMs, graceEndsAtMs, deltaMs, truth, stamp } = framed
  const life = { softExpiresAtMs, hardExpiresAtMs, graceEndsAtMs, deltaMs }
  const value = framed.payload === null ? null : key.decode(framed.payload)
  const fresh = { value, life, truth, stamp, verifiedAtMs: nowMs, quietUntilMs: 0 }
  tier.set(key.text, { ...fresh, quietUntilMs: nowMs + 1_995.5 }, value === null ? 0 : key.sizeOf(value))
  return payload?.length ?? 0
}

/** One collection may leave garbage to the next. */
const COLLECTIONS = 4
/** After a turn of the event loop, when no frame on the stack holds on to anything. */
async function held(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < COLLECTIONS; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect?.()
    const { heapUsed, external } = process.memoryUsage()
    least = Math.min(least, heapUsed + external)
  }
  return least
}
let kept: MemoryTier | undefined
function filled(fill: (tier: MemoryTier) => number, maxBytes: number) {
  kept = createMemoryTier(maxBytes)
  const textBytes = fill(kept)
  return { entries: kept.size, counted: kept.bytes, textBytes }
}
/** Counts what V8 gives back when the tier is let go of: what grew meanwhile beside it is not meant. */
async function measure(kind: string, fill: (tier: MemoryTier) => number, maxBytes = 1e9): Promise<void> {
  const counts = filled(fill, maxBytes)
  const full = await held()
  kept = undefined
  // Something of V8 may hold on to it for a collection or two.
  let grown = 0
  for (let tries = 0; tries < 6 && grown < 0.9 * counts.counted; tries++) grown = full - (await held())
  if (kind !== 'compiled') process.stdout.write(`${JSON.stringify({ kind, grown, ...counts })}\n`)
}
function fillWith(sample: (i: number) => Sample) {
  return (tier: MemoryTier): number => {
    let textBytes = 0
    for (let i = 0; tier.bytes < BYTES; i++) textBytes += put(tier, sample(i))
    return textBytes
  }
}
/** Fills, reads, replaces by what is larger or smaller, and evicts, many times over. */
function churn(tier: MemoryTier): number {
  const texts = new Map<string, number>()
  const names = Array.from({ length: 3_000 }, (_, i) => keys.post(String(1_500_000_000_000_000_000n + BigInt(i)), 'public').text)
  const name = (): string => names[Math.floor(random() ** 2 * names.length)] ?? ''
  for (let i = 0; i < 6_000; i++) {
    tier.get(name())
    const { key, payload } = mixed(i)
    const text = name()
    texts.set(text, put(tier, { key: { ...key, text }, payload }))
    if (i % 50 === 0) tier.delete(name())
  }
  let textBytes = 0
  for (const [text, bytes] of texts) if (tier.get(text)) textBytes += bytes
  names.length = 0
  return textBytes
}

await measure('compiled', fillWith(mixed)) // not told: it runs while code is compiled
for (const [kind, sample] of Object.entries(KINDS)) await measure(kind, fillWith(sample))
await measure('a mix', fillWith(mixed))
await measure('a mix after much churn', churn, 2 * BYTES)
