import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  customType,
  doublePrecision,
  integer,
  json,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

/** The tables as drizzle sees them. `migrations/` is the truth; `test/real/schema.test.ts` holds the two together. */
const id = (name: string) => bigint(name, { mode: 'bigint' })
const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' })
const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const users = pgTable('users', {
  id: id('id').primaryKey(),
  handle: text('handle').notNull(),
  name: text('name').notNull(),
  version: bigint('version', { mode: 'number' }).notNull().default(1),
  createdAt: moment('created_at').notNull().defaultNow(),
  deletedAt: moment('deleted_at'),
  private: boolean('private').notNull().default(false),
  suspendedAt: moment('suspended_at'),
  visibilityVersion: bigint('visibility_version', { mode: 'number' }).notNull().default(0),
  visibilityChangedAt: moment('visibility_changed_at').notNull(),
})

export const authors = pgTable('authors', {
  authorId: id('author_id').primaryKey(),
  postVersion: bigint('post_version', { mode: 'number' }).notNull().default(0),
  lastPostId: id('last_post_id').notNull().default(0n),
  followerCount: integer('follower_count').notNull().default(0),
  route: text('route', { enum: ['push', 'announced', 'pull', 'demoted'] })
    .notNull()
    .default('push'),
  candidateSince: moment('candidate_since'),
  announcedAt: moment('announced_at'),
  hot: boolean('hot').notNull().default(false),
  hotChangedAt: moment('hot_changed_at').notNull(),
  unpushed: boolean('unpushed').notNull().default(false),
  demotedAt: moment('demoted_at'),
  turnAt: moment('turn_at').notNull(),
})

export const viewers = pgTable('viewers', {
  viewerId: id('viewer_id').primaryKey(),
  viewVersion: bigint('view_version', { mode: 'number' }).notNull().default(1),
  followVersion: bigint('follow_version', { mode: 'number' }).notNull().default(1),
  enrolledAt: moment('enrolled_at'),
  completeSince: id('complete_since').notNull().default(0n),
  lastActiveAt: moment('last_active_at'),
  marksVersion: bigint('marks_version', { mode: 'number' }).notNull().default(1),
  changedAt: moment('changed_at').notNull(),
  presentUntil: moment('present_until').notNull(),
})

export const follows = pgTable(
  'follows',
  {
    followerId: id('follower_id').notNull(),
    followeeId: id('followee_id').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.followerId, table.followeeId] })],
)

export const pushEdges = pgTable('push_edges', { authorId: id('author_id').notNull(), viewerId: id('viewer_id').notNull() }, (table) => [
  primaryKey({ columns: [table.authorId, table.viewerId] }),
])

export const departures = pgTable(
  'departures',
  { viewerId: id('viewer_id').notNull(), authorId: id('author_id').notNull(), leftAt: moment('left_at').notNull().defaultNow() },
  (table) => [primaryKey({ columns: [table.viewerId, table.authorId] })],
)

export const posts = pgTable('posts', {
  id: id('id').primaryKey(),
  authorId: id('author_id').notNull(),
  text: text('text'),
  rootId: id('root_id'),
  rootAuthorId: id('root_author_id'),
  mode: text('mode', { enum: ['push', 'hot', 'pull'] }).notNull(),
  audience: text('audience', { enum: ['public', 'followers'] })
    .notNull()
    .default('public'),
  version: bigint('version', { mode: 'number' }).notNull().default(1),
  deletedAt: moment('deleted_at'),
})

export const mutes = pgTable(
  'mutes',
  { viewerId: id('viewer_id').notNull(), authorId: id('author_id').notNull(), createdAt: moment('created_at').notNull().defaultNow() },
  (table) => [primaryKey({ columns: [table.viewerId, table.authorId] })],
)

export const blocks = pgTable(
  'blocks',
  { blockerId: id('blocker_id').notNull(), blockedId: id('blocked_id').notNull(), createdAt: moment('created_at').notNull().defaultNow() },
  (table) => [primaryKey({ columns: [table.blockerId, table.blockedId] })],
)

export const followRequests = pgTable(
  'follow_requests',
  {
    targetId: id('target_id').notNull(),
    requesterId: id('requester_id').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.targetId, table.requesterId] })],
)

export const likes = pgTable(
  'likes',
  { userId: id('user_id').notNull(), postId: id('post_id').notNull(), createdAt: moment('created_at').notNull().defaultNow() },
  (table) => [primaryKey({ columns: [table.userId, table.postId] })],
)

export const postCounts = pgTable(
  'post_counts',
  {
    postId: id('post_id').notNull(),
    slot: smallint('slot').notNull(),
    likes: bigint('likes', { mode: 'number' }).notNull().default(0),
    reposts: bigint('reposts', { mode: 'number' }).notNull().default(0),
    version: bigint('version', { mode: 'number' }).notNull().default(1),
  },
  (table) => [primaryKey({ columns: [table.postId, table.slot] })],
)

export const sweeps = pgTable('sweeps', {
  authorId: id('author_id').primaryKey(),
  belowPost: id('below_post').notNull(),
  dueAt: moment('due_at').notNull().defaultNow(),
})

export const timelineEntries = pgTable(
  'timeline_entries',
  {
    viewerId: id('viewer_id').notNull(),
    activityId: id('activity_id').notNull(),
    authorId: id('author_id').notNull(),
    rootId: id('root_id'),
    rootAuthorId: id('root_author_id'),
    audience: text('audience', { enum: ['followers'] }),
  },
  (table) => [primaryKey({ columns: [table.viewerId, table.activityId] })],
)

export const fanoutJobs = pgTable('fanout_jobs', {
  activityId: id('activity_id').primaryKey(),
  authorId: id('author_id').notNull(),
  mode: text('mode', { enum: ['push', 'hot', 'pull'] }).notNull(),
  lane: smallint('lane').notNull(),
  afterViewer: id('after_viewer').notNull().default(0n),
  attempts: integer('attempts').notNull().default(0),
  runAt: moment('run_at').notNull().defaultNow(),
  queuedAt: moment('queued_at').notNull().defaultNow(),
  turnAt: moment('turn_at').notNull().defaultNow(),
})

export const deadJobs = pgTable('dead_jobs', {
  activityId: id('activity_id').primaryKey(),
  authorId: id('author_id').notNull(),
  mode: text('mode', { enum: ['push', 'hot', 'pull'] }).notNull(),
  lane: smallint('lane').notNull(),
  afterViewer: id('after_viewer').notNull(),
  attempts: integer('attempts').notNull(),
  queuedAt: moment('queued_at').notNull(),
  diedAt: moment('died_at').notNull().defaultNow(),
  error: text('error').notNull(),
})

export const fanoutChunks = pgTable(
  'fanout_chunks',
  {
    activityId: id('activity_id').notNull(),
    afterViewer: id('after_viewer').notNull(),
    lastViewer: id('last_viewer').notNull(),
    authorId: id('author_id').notNull(),
    insertedAt: moment('inserted_at').notNull().defaultNow(),
    dueAt: moment('due_at').notNull(),
    pushedAt: moment('pushed_at'),
    state: text('state').generatedAlwaysAs(sql`CASE WHEN pushed_at IS NULL THEN 'inserted' ELSE 'pushed' END`),
    lane: smallint('lane').notNull().default(0),
    queuedAt: moment('queued_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.activityId, table.afterViewer] })],
)

export const invalidations = pgTable('invalidations', {
  id: id('id').primaryKey().generatedAlwaysAsIdentity(),
  key: text('key').notNull(),
  truth: bigint('truth', { mode: 'number' }).notNull(),
  replacement: text('replacement'),
  createdAt: moment('created_at').notNull().defaultNow(),
  dueAt: moment('due_at').notNull().defaultNow(),
  doneAt: moment('done_at'),
})

export const backfills = pgTable(
  'backfills',
  { viewerId: id('viewer_id').notNull(), authorId: id('author_id').notNull(), dueAt: moment('due_at').notNull() },
  (table) => [primaryKey({ columns: [table.viewerId, table.authorId] })],
)

export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    userId: id('user_id').notNull(),
    key: text('key').notNull(),
    fingerprint: text('fingerprint').notNull(),
    status: smallint('status').notNull(),
    body: json('body').notNull(),
    raised: jsonb('raised').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.key] })],
)

export const machines = pgTable('machines', {
  machineId: smallint('machine_id').primaryKey(),
  owner: uuid('owner'),
  leaseUntil: moment('lease_until').notNull(),
  highWaterMs: bigint('high_water_ms', { mode: 'number' }).notNull().default(0),
})

export const beats = pgTable(
  'beats',
  {
    machineId: smallint('machine_id').notNull(),
    beat: bigint('beat', { mode: 'number' }).notNull(),
    at: moment('at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.machineId, table.at] })],
)

export const popularPosts = pgTable('popular_posts', { postId: id('post_id').primaryKey(), score: doublePrecision('score').notNull() })

export const popularVersion = pgTable('popular_version', {
  singleton: boolean('singleton').primaryKey().default(true),
  version: bigint('version', { mode: 'number' }).notNull().default(1),
  computedAt: moment('computed_at').notNull(),
})

export const settings = pgTable('settings', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
  changedAt: moment('changed_at').notNull().defaultNow(),
})

export const crowdThreshold = pgTable('crowd_threshold', {
  singleton: boolean('singleton').primaryKey().default(true),
  share: doublePrecision('share').notNull().default(1),
  judgedAt: moment('judged_at').notNull(),
  judgedLagMs: doublePrecision('judged_lag_ms').notNull().default(0),
  calmSince: moment('calm_since'),
  inForce: jsonb('in_force'),
})

export const cleanups = pgTable(
  'cleanups',
  { viewerId: id('viewer_id').notNull(), authorId: id('author_id').notNull(), dueAt: moment('due_at').notNull().defaultNow() },
  (table) => [primaryKey({ columns: [table.viewerId, table.authorId] })],
)

export const activities = pgTable(
  'activities',
  {
    xid: xid8('xid').notNull().default(sql`pg_current_xact_id()`),
    seq: id('seq').notNull().generatedAlwaysAsIdentity(),
    kind: text('kind').notNull(),
    actorId: id('actor_id').notNull(),
    postId: id('post_id'),
    rootId: id('root_id'),
    subjectId: id('subject_id'),
    audience: text('audience'),
    at: moment('at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.xid, table.seq] })],
)

export const activityLog = pgTable('activity_log', {
  singleton: boolean('singleton').primaryKey().default(true),
  epoch: uuid('epoch').notNull().defaultRandom(),
  home: text('home').notNull().default(sql`(pg_control_system()).system_identifier`),
  prunedXid: xid8('pruned_xid').notNull().default('0'),
  prunedSeq: bigint('pruned_seq', { mode: 'bigint' }).notNull().default(0n),
})

export const crowdVersion = pgTable('crowd_version', {
  singleton: boolean('singleton').primaryKey().default(true),
  version: bigint('version', { mode: 'number' }).notNull().default(1),
})

const sum = (name: string) => bigint(name, { mode: 'number' }).notNull()

export const consistency = pgTable(
  'consistency',
  {
    minute: moment('minute').notNull(),
    place: text('place').notNull(),
    kind: text('kind').notNull(),
    checked: sum('checked'),
    late: sum('late'),
    beyond: sum('beyond'),
    wrong: sum('wrong'),
  },
  (table) => [primaryKey({ columns: [table.minute, table.place, table.kind] })],
)

export const consistencyTurn = pgTable('consistency_turn', {
  singleton: boolean('singleton').primaryKey().default(true),
  dueAt: moment('due_at').notNull().defaultNow(),
  lookedUntil: moment('looked_until').notNull().defaultNow(),
})

const byLayer = <const C extends string>(keyClass: C) => ({
  [`${keyClass}Memory`]: sum(`${keyClass}_memory`),
  [`${keyClass}Shared`]: sum(`${keyClass}_shared`),
  [`${keyClass}Origin`]: sum(`${keyClass}_origin`),
})

export const analytics = pgTable(
  'analytics',
  {
    bucketAt: moment('bucket_at').notNull(),
    route: text('route').notNull(),
    statusClass: text('status_class').notNull(),
    layer: text('layer', { enum: ['memory', 'shared', 'origin', 'none'] }).notNull(),
    ...byLayer('tl'),
    ...byLayer('crowd'),
    ...byLayer('au'),
    ...byLayer('po'),
    ...byLayer('us'),
    ...byLayer('vw'),
    requests: sum('requests'),
    degraded: sum('degraded'),
    totalMs: sum('total_ms'),
    sharedMs: sum('shared_ms'),
    originMs: sum('origin_ms'),
    collapsed: sum('collapsed'),
    stale: sum('stale'),
    history: sum('history'),
    sharedReads: sum('shared_reads'),
    loads: sum('loads'),
    loadFailures: sum('load_failures'),
    early: sum('early'),
    leasesGranted: sum('leases_granted'),
    leasesRefused: sum('leases_refused'),
    fillsRefused: sum('fills_refused'),
    dropped: sum('dropped'),
    latencies: bigint('latencies', { mode: 'number' }).array().notNull(),
  },
  (table) => [primaryKey({ columns: [table.bucketAt, table.route, table.statusClass, table.layer] })],
)
