import * as z from 'zod'
import { MAX_POINTS } from '../contract/analytics.ts'
import type { AnalyticsDataset } from './adapters/engine-sink.ts'
import type { Lifetimes } from './cache/entry.ts'
import type { FeedLifetimes } from './feed/keys.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const count = (fallback: number) => z.coerce.number().int().positive().default(fallback)
const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean),
  )

/**
 * Lifetimes with their reasons (docs/architecture.md, Keys of L2), milliseconds. What the origin pushes or invalidates whenever it changes lives for a day, so that
 * a reader who comes back waits for nobody; a soft end of minutes bounds what a fault could leave behind. An absence is remembered
 * briefly: what is not there yet may come.
 */
const LIFETIMES: FeedLifetimes = {
  // Pushes keep it complete, so only formats and followees age; no grace: a day without a fill means nobody reads it.
  timeline: { softMs: 6 * HOUR, hardMs: DAY, graceMs: 0, absentMs: 2 * SECOND },
  // Announce-then-route counts on 10 s at most.
  crowd: { softMs: 5 * SECOND, hardMs: 10 * SECOND, graceMs: HOUR, absentMs: 2 * SECOND },
  // Pushes keep it complete and deletes drop it. Every reader has one of their own, so a soft end of seconds would load all the time.
  author: { softMs: 5 * MINUTE, hardMs: DAY, graceMs: HOUR, absentMs: 2 * SECOND },
  post: { softMs: 5 * MINUTE, hardMs: DAY, graceMs: HOUR, absentMs: 2 * SECOND },
  user: { softMs: 5 * MINUTE, hardMs: DAY, graceMs: HOUR, absentMs: 2 * SECOND },
  viewer: { softMs: 5 * MINUTE, hardMs: DAY, graceMs: HOUR, absentMs: 5 * SECOND },
  // Proofs: nothing that is not public is shown on one that is older than a minute.
  relation: { softMs: 30 * SECOND, hardMs: MINUTE, graceMs: 0, absentMs: 2 * SECOND },
  // Nobody waits for counts, and nothing drops them when they rise.
  counts: { softMs: 30 * SECOND, hardMs: DAY, graceMs: HOUR, absentMs: 30 * SECOND },
  marks: { softMs: 5 * MINUTE, hardMs: DAY, graceMs: HOUR, absentMs: 5 * SECOND },
  // Nothing drops it when somebody posts: it may be used for as long as a post may take to be seen, less what memory adds.
  merged: { softMs: 2 * SECOND, hardMs: 3 * SECOND, graceMs: HOUR, absentMs: 2 * SECOND },
  popular: { softMs: 30 * SECOND, hardMs: 10 * MINUTE, graceMs: DAY, absentMs: 5 * SECOND },
}

const lifetimes = z.strictObject({ softMs: z.number(), hardMs: z.number(), graceMs: z.number(), absentMs: z.number() }).partial()
const overrides = z.partialRecord(
  z.enum(['timeline', 'crowd', 'author', 'post', 'user', 'viewer', 'relation', 'counts', 'marks', 'merged', 'popular']),
  lifetimes,
)

/** Protections that a development deployment may switch off, to see what they are for. */
const protections = z.enum(['singleflight', 'lease', 'xfetch', 'batching', 'breaker', 'backoff'])

/** Bindings and vars of the worker. A default carries its unit and its reason. */
export const schema = z.object({
  ORIGIN_URL: z.url(),
  UPSTASH_REDIS_REST_URL: z.url({ protocol: /^https?$/, error: 'the REST URL, which begins with https://' }),
  UPSTASH_REDIS_REST_TOKEN: z.string().min(1),
  /** HS256 secret of the bearer tokens your product issues. */
  JWT_SECRET: z.string().min(16),
  /** While JWT_SECRET is rotated (docs/deploy.md): tokens that the other secret signed are good as well. */
  JWT_SECRET_PREVIOUS: z.string().min(16).optional(),
  /** Shared with the origin: signs what the worker asks of it. */
  EDGE_SECRET: z.string().min(16),
  /** Signs cursors and version tokens. */
  SIGNING_SECRET: z.string().min(16),
  /** While SIGNING_SECRET is rotated: cursors and version tokens that the other secret signed are good as well. */
  SIGNING_SECRET_PREVIOUS: z.string().min(16).optional(),
  KEY_PREFIX: z
    .string()
    .regex(/^[a-z0-9-]+:$/, 'lower-case letters, digits and hyphens, then a colon')
    .default('tideline:'),
  /** Origins that browsers may call from, comma-separated. */
  CORS_ORIGINS: list,
  /** Bytes of an isolate's 128 MB that the cache may hold. */
  MEMORY_BYTES: count(48 * 1024 * 1024),
  /** Milliseconds memory answers without asking L2: with a replica 1 s behind it makes 3 s of the promised 5. */
  MEMORY_MAX_AGE_MS: count(2 * SECOND),
  /** Milliseconds a call to Redis may take: five times what the same continent needs. */
  L2_DEADLINE_MS: count(250),
  LOAD_DEADLINE_MS: count(2 * SECOND),
  /** Milliseconds a forwarded write may take: the origin waits up to a second for Redis before it acknowledges. */
  WRITE_DEADLINE_MS: count(5 * SECOND),
  /** Loads an isolate may have in the air at once; more wait half a load's deadline, then are refused. */
  MAX_LOADS: count(32),
  /** Changes of single lifetimes as JSON, for instance {"author":{"softMs":1000}}. */
  LIFETIMES: z
    .string()
    .default('{}')
    .transform((text) => overrides.parse(JSON.parse(text))),
  /** One line of JSON per request in the worker's log: of use while developing, money in production. */
  LOG_EVENTS: z.enum(['on', 'off']).default('off'),
  /** The dataset of Workers Analytics Engine, bound in wrangler.toml. */
  ANALYTICS: z.custom<AnalyticsDataset>((value) => typeof value === 'object' && value !== null && 'writeDataPoint' in value).optional(),
  /** Where one data point per request goes: Analytics Engine, the origin (its twin while developing), or nowhere. By default the first, where it is bound. */
  ANALYTICS_SINK: z.enum(['engine', 'origin', 'off']).optional(),
  /** Points an isolate gathers before it sends them to the origin. */
  ANALYTICS_BATCH: z.coerce.number().int().min(1).max(MAX_POINTS).default(200),
  SWITCHED_OFF: list.pipe(z.array(protections)),
  /** The routes behind the reader page, by which anybody can be anybody. Never in production; loopback names only (worker/http/loopback.ts). */
  DEMO: z.enum(['on', 'off']).default('off'),
})

type Parsed = z.infer<typeof schema>
export type Config = Omit<Parsed, 'LIFETIMES' | 'ANALYTICS_SINK'> & {
  readonly LIFETIMES: FeedLifetimes
  readonly ANALYTICS_SINK: 'engine' | 'origin' | 'off'
}

/** Parses the environment; throws one readable line that names each binding that is wrong. */
export function parseConfig(env: unknown): Config {
  const parsed = schema.safeParse(env)
  if (!parsed.success) {
    throw new Error(`configuration: ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`)
  }
  const changes = parsed.data.LIFETIMES
  const merged = Object.entries(LIFETIMES).map(([kind, life]): [string, Lifetimes] => {
    const change = Object.entries(changes).find(([name]) => name === kind)?.[1] ?? {}
    return [kind, { ...life, ...change } as Lifetimes]
  })
  const { ANALYTICS, ANALYTICS_SINK = ANALYTICS ? 'engine' : 'off' } = parsed.data
  if (ANALYTICS_SINK === 'engine' && !ANALYTICS) throw new Error('configuration: ANALYTICS_SINK: engine needs the binding ANALYTICS')
  return { ...parsed.data, ANALYTICS_SINK, LIFETIMES: Object.fromEntries(merged) as FeedLifetimes }
}
