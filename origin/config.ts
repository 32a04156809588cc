import * as z from 'zod'

const HOUR_MS = 3_600_000
const count = (fallback: number) => z.coerce.number().int().positive().default(fallback)
/** At most a year: Postgres counts back from now. */
const holdMs = (fallback: number) =>
  z.coerce
    .number()
    .int()
    .positive()
    .max(366 * 24 * HOUR_MS)
    .default(fallback)
/** Of followers, as Postgres counts them. */
const followers = () => z.coerce.number().int().positive().max(2_147_483_647)

/** Everything the origin can be told, from environment variables. A default carries its unit and its reason. */
export const schema = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  UPSTASH_REDIS_REST_URL: z.url({ protocol: /^https?$/, error: 'the REST URL, which begins with https://' }),
  UPSTASH_REDIS_REST_TOKEN: z.string().min(1),
  /** Shared with the worker, which signs what it asks. */
  EDGE_SECRET: z.string().min(16),
  /** While EDGE_SECRET is rotated (docs/deploy.md): what a worker signs with the other secret is believed as well. */
  EDGE_SECRET_PREVIOUS: z.string().min(16).optional(),
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(8788),
  /** In front of every key in L2; two deployments may share a Redis. */
  KEY_PREFIX: z
    .string()
    .regex(/^[a-z0-9-]+:$/, 'lower-case letters, digits and hyphens, then a colon')
    .default('tideline:'),
  /**
   * How lists of entries are written into L2: 'plain', a half longer, while workers serve that know no 'dense' (docs/deploy.md, Rolling back). Every reader
   * knows both.
   */
  LIST_FORMAT: z.enum(['dense', 'plain']).default('dense'),
  DATABASE_CONNECTIONS: count(16),
  /** Do the statements of loads keep their plans? 'off' where something in front of Postgres gives each transaction another session. */
  DATABASE_PREPARE: z.enum(['on', 'off']).default('on'),
  /** Milliseconds after SIGTERM in which /readyz answers 503 and requests are still taken: so long a load balancer may go on sending. */
  SHUTDOWN_DELAY_MS: z.coerce.number().int().min(0).max(60_000).default(0),
  /** Milliseconds. A rebuild takes tens; a statement beyond this is ill. */
  STATEMENT_TIMEOUT_MS: count(10_000),
  /** Milliseconds a write waits for Redis before its invalidation becomes a debt. */
  L2_DEADLINE_MS: count(1_000),
  /** Requests served at once: at 5 ms a load and 16 connections the last waits 80 ms. Beyond it the origin sheds (503, Retry-After). */
  MAX_CONCURRENT_REQUESTS: count(256),
  /**
   * Followers. Above it an author is pulled, as far as MAX_CROWD_AUTHORS lets them in: at three posts a day the rows of 6,000 readers cost the database what
   * the loads of one list do (docs/decisions/0018-where-the-threshold-comes-from.md).
   */
  CROWD_THRESHOLD: followers().default(10_000),
  /** A pulled author with fewer followers than this share of the threshold is pushed again. 1.25 times between coming and going: counts jitter. */
  CROWD_LEAVE_SHARE: z.coerce.number().gt(0).lt(1).default(0.8),
  /**
   * Milliseconds an author stays pulled at least. A demotion ends a timeline's life later, and until then every read of a follower asks for two
   * sources of the same posts.
   */
  CROWD_HOLD_MS: holdMs(24 * HOUR_MS),
  /** Followers. From here on timelines know an author as a candidate; a quarter of the threshold when not given. */
  CROWD_FLOOR: followers().optional(),
  /** Followers. Above it an author's posts are no rows: they are pushed where a timeline is present in L2, and found by fills. */
  HOT_THRESHOLD: followers().default(10_000),
  /** An author with fewer followers than this share of the threshold has rows again. */
  HOT_LEAVE_SHARE: z.coerce.number().gt(0).lt(1).default(0.8),
  /** Milliseconds between two changes of an author. They lose nothing and cost next to nothing: it spares who is near the threshold the back and forth. */
  HOT_HOLD_MS: holdMs(HOUR_MS),
  /**
   * So many authors may be pulled; where more have followers enough, the threshold is higher than it is set. Each costs 11 bytes of `crowd`, which an isolate
   * asks for every 2 s, and some 6 KB of its memory: 1,000 are an eighth of 48 MB.
   */
  MAX_CROWD_AUTHORS: count(1_000),
  /** Milliseconds that the oldest job of the big lane waits. Above it the crowd threshold falls: readers are promised 5 s. */
  LAG_HIGH_MS: count(10_000),
  /**
   * The same. Below it the lane keeps up. Half of the other, because the largest job at half the threshold takes half as long: a lane that is too slow for a
   * single one is not calm then, and any other is (docs/decisions/0016-lag-and-thresholds.md).
   */
  LAG_LOW_MS: count(5_000),
  /** Milliseconds from one fall of the threshold to the next: the announcement, and 15 s in which it is seen to help. */
  LAG_STEP_MS: count(30_000),
  /** Milliseconds the lane must have kept up before the threshold rises a step. */
  LAG_CALM_MS: count(5 * 60_000),
  /** Followers. Above it an author's posts take the big lane, a chunk at a time: 2,000 rows take 15 ms, for which small authors may wait. */
  BIG_LANE_FOLLOWERS: followers().default(2_000),
  /** Milliseconds from the announcement in `crowd` to the first pulled post: `crowd` is used for at most 10 s, and 5 s of margin. */
  ANNOUNCE_MS: count(15_000),
  /** Milliseconds a timeline may live in L2, with a margin: no author is promoted sooner after becoming a candidate. Other waits count on 25 hours. */
  TIMELINE_LIFE_MS: z.coerce
    .number()
    .int()
    .positive()
    .max(25 * HOUR_MS)
    .default(24 * HOUR_MS + 5 * 60_000),
  /** Followers per chunk of a big job: about 35 ms of inserts. */
  CHUNK_SIZE: count(5_000),
  /** Small jobs per statement, which takes no more of them than have four chunks of followers together. */
  JOB_BATCH: z.coerce.number().int().min(1).max(999).default(300),
  /** Attempts at a chunk after which its job is dead (npm run dead-jobs): twelve are eight minutes. */
  JOB_ATTEMPTS: count(12),
  /** Workers in this process. Two, so that a big chunk never holds up small authors. */
  FANOUT_WORKERS: z.coerce.number().int().min(0).default(2),
  /** Milliseconds between two computations of what is popular, of all processes together: a tenth of a second of Postgres each, whatever there is. */
  POPULAR_EVERY_MS: count(30_000),
  /** Days without a read after which a viewer gets nothing pushed. Two at least: a timeline may be present in L2 for 27 hours after a read. */
  DORMANT_DAYS: z.coerce.number().int().min(2).max(3_650).default(30),
  /** What the reader page's demo asks of the origin (contract/demo.ts). Never in production. */
  DEMO: z.enum(['on', 'off']).default('off'),
  /** Hours that the rollup of analytics is kept: 20 kinds of requests make 170,000 rows a day. */
  ANALYTICS_RETENTION_HOURS: count(24),
  /** Days that the log of activities is kept. Consumers that come later begin anew; a row is some 150 bytes with its index. */
  ACTIVITY_RETENTION_DAYS: count(7),
  /**
   * Keys that the consistency monitor compares in a minute, of all processes together; 0 switches it off. 120 are twelve MGETs of ten values and
   * some seventy small queries a minute: 500,000 commands of Redis a month, and nothing that Postgres would feel.
   */
  MONITOR_SAMPLES_PER_MINUTE: z.coerce.number().int().min(0).max(12_000).default(120),
  /** Where the worker is reached: the monitor then asks an isolate as well what it would answer. */
  EDGE_URL: z.url({ protocol: /^https?$/ }).optional(),
})
export type Config = z.infer<typeof schema>

/** Parses the environment; throws one readable line that names each variable that is wrong. */
export function parseConfig(env: Record<string, string | undefined>): Config {
  const parsed = schema.safeParse(env)
  if (parsed.success) return parsed.data
  throw new Error(`configuration: ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`)
}
