import * as z from 'zod'
import { idSchema } from './ids.ts'

/** What becomes of a post: rows in all followers' timelines; no rows, and a push to the timelines that are present in L2; one entry in its author's list. */
export const modeSchema = z.enum(['push', 'hot', 'pull'])
export type Mode = z.infer<typeof modeSchema>

const moment = z.number().nullable()

/** What fan-out of one post costs, and what it leaves to readers. */
const costSchema = z.object({
  /** In followers' timelines; the post itself is one anywhere. */
  rows: z.number(),
  /** Keys of L2 that the push names, of which those are written that are present, and the calls that takes. */
  l2Keys: z.number(),
  l2Calls: z.number(),
  /** Keys that every read of a follower asks for beside its own. */
  keysPerRead: z.number(),
})
export type Cost = z.infer<typeof costSchema>

/** What would become of an author's post now, and why (`GET /internal/route/{author}`). Moments are epoch milliseconds by Postgres' clock. */
export const routeSchema = z.object({
  nowMs: z.number(),
  author: z.object({ id: idSchema, handle: z.string(), account: z.enum(['open', 'private', 'suspended', 'deleted']) }),
  mode: modeSchema,
  why: z.string(),
  followers: z.object({
    count: z.number(),
    /** Not dormant. */
    active: z.number(),
    /** Those of whom a timeline may be in L2. */
    present: z.number(),
    /** False: the two are a sample's shares of the count. */
    exact: z.boolean(),
  }),
  thresholds: z.object({
    crowd: z.number(),
    crowdWhy: z.string(),
    crowdLeave: z.number(),
    crowdFloor: z.number(),
    hot: z.number(),
    hotLeave: z.number(),
    bigLane: z.number(),
  }),
  tier: z.object({
    route: z.enum(['push', 'announced', 'pull', 'demoted']),
    candidateSinceMs: moment,
    announcedAtMs: moment,
    demotedAtMs: moment,
    hot: z.boolean(),
    hotChangedAtMs: moment,
  }),
  fanout: z.object({
    lane: z.enum(['small', 'big']),
    chunks: z.number(),
    /** Jobs of this author that wait, the dead ones apart, and how far behind others the next one takes its turn (milliseconds). */
    waiting: z.number(),
    dead: z.number(),
    turnDelayMs: z.number(),
  }),
  /** Of a post now, in each mode it might have. */
  costs: z.record(modeSchema, costSchema),
  /** What changes next, and what that waits for. `atMs`: by the clock alone; null: it waits for followers to come or go. */
  next: z.array(z.object({ change: z.string(), waitsFor: z.string(), atMs: moment })),
})
export type Route = z.infer<typeof routeSchema>
