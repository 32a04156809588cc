import * as z from 'zod'

/**
 * The columns of analytics, declared once: one data point per request, the same in Workers Analytics Engine and in its local twin.
 * docs/analytics.md says what each means. A point never names a user: routes are patterns, and there is no place for ids or text.
 */

/** The kinds of keys the cache holds, by their first letters (contract/l2/keys.ts). */
export const KEY_CLASSES = ['tl', 'crowd', 'au', 'po', 'us', 'vw'] as const
export type KeyClass = (typeof KEY_CLASSES)[number]

/** Where the answer to one key came from, near to far. */
export const LAYERS = ['memory', 'shared', 'origin'] as const
export type LayerCounts = Readonly<Record<(typeof LAYERS)[number], number>>

/** Of the request itself, doubles 7 to 12. */
export const REQUEST_MEASURES = ['totalMs', 'sharedMs', 'originMs', 'collapsed', 'stale', 'history'] as const
/** Of its isolate since the point before, doubles 13 to 20: work goes on behind answers, and sums must not lose it. */
export const WORK_MEASURES = [
  'sharedReads',
  'loads',
  'loadFailures',
  'early',
  'leasesGranted',
  'leasesRefused',
  'fillsRefused',
  'dropped',
] as const
export type Measures<Name extends string> = Readonly<Record<Name, number>>
export type RequestMeasures = Measures<(typeof REQUEST_MEASURES)[number]>
export type WorkMeasures = Measures<(typeof WORK_MEASURES)[number]>

/** A request as analytics sees it. */
export interface Point {
  /** When it was answered, by the edge's clock (epoch milliseconds). */
  readonly atMs: number
  /** The pattern of the route. */
  readonly route: string
  readonly method: string
  readonly status: number
  /** The furthest layer that was needed. */
  readonly layer: (typeof LAYERS)[number] | 'none'
  readonly degraded: readonly string[]
  /** Cloudflare's data centre, where there is one. */
  readonly colo: string | undefined
  readonly answers: Readonly<Record<KeyClass, LayerCounts>>
  readonly measures: RequestMeasures & WorkMeasures
}

/** Three counts in one double: a data point has room for 20 doubles, and 6 classes by 3 layers are 18. */
const COUNT_LIMIT = 100_000

/** Counts are cut at 99,999, so the whole stays below 2^53. */
export const packCounts = ({ memory, shared, origin }: LayerCounts): number =>
  cut(memory) + cut(shared) * COUNT_LIMIT + cut(origin) * COUNT_LIMIT ** 2
const cut = (count: number): number => Math.min(count, COUNT_LIMIT - 1)

export const unpackCounts = (packed: number): LayerCounts => ({
  memory: packed % COUNT_LIMIT,
  shared: Math.floor(packed / COUNT_LIMIT) % COUNT_LIMIT,
  origin: Math.floor(packed / COUNT_LIMIT ** 2),
})

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'other'] as const
const MEASURES = [...REQUEST_MEASURES, ...WORK_MEASURES]
const DOUBLES = [...KEY_CLASSES, ...MEASURES]

/** What crosses the wire; the index, by which Analytics Engine samples, is the first blob. */
export const dataPointSchema = z.strictObject({
  atMs: z.int().nonnegative(),
  /** Route, method, status class, layer, degraded, colo. */
  blobs: z.tuple([
    z.string().regex(/^[!-~]{1,96}$/),
    z.enum(METHODS),
    z.string().regex(/^[1-5]xx$/),
    z.enum([...LAYERS, 'none']),
    z.string().regex(/^[a-z0-9, -]{0,200}$/),
    z.string().regex(/^[A-Z]{0,4}$/),
  ]),
  /** The key classes, packed; then the measures. */
  doubles: z.array(z.number().min(0).max(Number.MAX_SAFE_INTEGER)).length(DOUBLES.length),
})
export type DataPoint = z.infer<typeof dataPointSchema>

/** The most points of one batch: 110 KB of the 128 that the origin reads, were each the longest. */
export const MAX_POINTS = 300
export const pointsRequestSchema = z.strictObject({ points: z.array(dataPointSchema).min(1).max(MAX_POINTS) })

export function encodePoint({ atMs, route, method, status, layer, degraded, colo, answers, measures }: Point): DataPoint {
  return {
    atMs,
    blobs: [
      route,
      METHODS.find((known) => known === method) ?? 'other',
      `${Math.floor(status / 100)}xx`,
      layer,
      degraded.join(', '),
      colo !== undefined && /^[A-Z]{3,4}$/.test(colo) ? colo : '',
    ],
    doubles: [
      ...KEY_CLASSES.map((keyClass) => packCounts(answers[keyClass])),
      // A clock that is set back makes a wait negative, and one such point would have its whole batch refused.
      ...MEASURES.map((measure) => Math.max(0, measures[measure])),
    ],
  }
}

/** Which of a point's doubles holds a key class or a measure. */
export const doubleOf = (column: (typeof DOUBLES)[number]): number => DOUBLES.indexOf(column)

/** What a key begins with, and its class. Small kinds count with those they are read beside: a point has room for no more. */
const CLASS_OF: Readonly<Record<string, KeyClass>> = {
  tl: 'tl',
  crowd: 'crowd',
  pop: 'crowd',
  mg: 'au',
  au: 'au',
  po: 'po',
  co: 'po',
  us: 'us',
  vw: 'vw',
  my: 'vw',
  rel: 'vw',
}
/** No two kinds agree in their first and third character. */
const place = (key: string): number => key.charCodeAt(0) * 128 + key.charCodeAt(2)
const COLON = ':'
const KINDS: readonly (readonly [kind: string, keyClass: KeyClass] | undefined)[] = (() => {
  const kinds = new Array<readonly [string, KeyClass] | undefined>(128 * 128).fill(undefined)
  for (const [kind, keyClass] of Object.entries(CLASS_OF)) kinds[place(kind.padEnd(3, COLON))] = [kind, keyClass]
  return kinds
})()

/** The class of a key; undefined for one that has none. Asked for each of the sixty keys of a page. */
export function classOf(key: string): KeyClass | undefined {
  const [kind, keyClass] = KINDS[place(key)] ?? NONE
  if (kind === undefined || !key.startsWith(kind)) return undefined
  return key.length === kind.length || key[kind.length] === COLON ? keyClass : undefined
}
const NONE = [undefined, undefined] as const
