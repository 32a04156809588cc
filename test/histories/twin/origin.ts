import { keyOf } from '../../../contract/l2/keys.ts'
import { encodePostValue } from '../../../contract/l2/post-value.ts'
import type { Raised } from '../../../contract/version-token.ts'
import type { MemoryTier } from '../../support/memory-shared-tier.ts'
import type { HistoryClock } from '../clock.ts'
import { createDelivery, type Delivery } from './delivery.ts'
import { loadRows, type Row } from './loads.ts'
import type { Network } from './network.ts'
import type { Has } from './plants.ts'
import { createProcess, type Process } from './process.ts'
import { createTables, type InvalidationRow, type PostRow, type TwinRules } from './tables.ts'

/** Loops look for debts this often (milliseconds). */
const POLL_MS = 250
const BEAT_MS = 1_000
const HOUSEKEEPING_MS = 20_000
/** The lease of a machine id runs out, and is found out by another process (milliseconds). */
const BURIAL_MS = 32_000
const TOMBSTONE = encodePostValue({ kind: 'gone' })

/** What a write answers: which id it made, and what it raised; or why it was refused. */
export type Written = { readonly id?: string | undefined; readonly raised: Raised } | { readonly refused: string }

interface Parts {
  readonly clock: HistoryClock
  readonly random: () => number
  readonly l2: MemoryTier
  readonly network: Network
  readonly rules: TwinRules
  readonly has: Has
  /** Beats are told and noted: only a history whose Redis loses writes needs them. */
  readonly beats: boolean
  readonly processes: number
}

interface Server {
  readonly process: Process
  readonly delivery: Delivery
}

const dropsOf = (raised: Raised) => Object.entries(raised).map(([key, truth]) => ({ key, truth, replacement: null }))

/**
 * The origin in memory, on virtual time: the same steps in the same order as origin/, with transactions that are instants, by processes that
 * can be slow and die between any two steps. `test/conformance` holds it to the suite that the real one passes.
 */
export function createTwinOrigin({ clock, random, l2, network, rules, has, beats, processes }: Parts) {
  const tables = createTables(clock.nowMs, rules, has)
  const servers: Server[] = []
  let machines = 0
  let closed = false

  function start(): Server {
    const process = createProcess(++machines, clock, network, () => {
      servers.splice(servers.indexOf(server), 1)
      ring()
      void clock.sleep(BURIAL_MS).then(() => void anyServer()?.process.step(() => tables.oweAgain(60_000)).then(owed))
    })
    const server = { process, delivery: createDelivery(process, { clock, tables, l2, has, owed }) }
    servers.push(server)
    if (beats) void beatOn(server)
    return server
  }
  const anyServer = (): Server | undefined => servers[Math.floor(random() * servers.length)]

  async function beatOn({ process, delivery }: Server): Promise<void> {
    let recovered = false
    while (process.alive && !closed) {
      try {
        if (!recovered) await delivery.recoverAtStart()
        recovered = true
        await delivery.beat()
      } catch {
        // tried again
      }
      await clock.sleep(BEAT_MS)
    }
  }

  /** Wakes idle workers. */
  function ring(): void {
    for (const server of servers) if (!server.process.draining) void drain(server)
  }

  async function drain({ process, delivery }: Server): Promise<void> {
    process.draining = true
    let pushing: Promise<void> = Promise.resolve()
    while (tables.jobs.length > 0) {
      const lateMs = process.cutLateMs
      process.cutLateMs = 0
      if (lateMs > 0) await clock.sleep(lateMs)
      const chunk = await process.step(tables.cutChunk)
      owed()
      if (!chunk) break
      if (random() < 0.3 && chunk.viewers.length > 0) await process.step(() => tables.trimTimelines(chunk.viewers))
      await pushing
      const pushLateMs = process.pushLateMs
      process.pushLateMs = 0
      pushing = (pushLateMs > 0 ? clock.sleep(pushLateMs) : Promise.resolve()).then(() => delivery.push([chunk])).catch(() => {})
    }
    await pushing
    process.draining = false
    if (tables.jobs.length > 0) void drain({ process, delivery })
  }

  let lookAtMs = Number.POSITIVE_INFINITY
  /** Something became due, or will: looks when it is. */
  function owed(): void {
    const nextMs = Math.max(tables.nextDueAtMs(), clock.nowMs()) + random() * POLL_MS
    if (closed || nextMs >= lookAtMs) return
    lookAtMs = nextMs
    void clock.sleep(nextMs - clock.nowMs()).then(() => {
      if (lookAtMs !== nextMs) return
      lookAtMs = Number.POSITIVE_INFINITY
      const server = anyServer()
      if (server) void payDebts(server).catch(() => {}).then(owed)
    })
  }

  async function payDebts({ process, delivery }: Server): Promise<void> {
    for (const { viewerId, authorId } of await process.step(tables.takeBackfills)) {
      const settled = await settleFollow(process, viewerId, authorId)
      if (settled) await delivery.invalidate(settled.owed).catch(() => {})
    }
    const invalidations = await process.step(tables.takeInvalidations)
    const paid = delivery.invalidate(invalidations).catch(() => {})
    const chunks = await process.step(tables.takeUnpushed)
    if (chunks.length > 0) await delivery.push(chunks).catch(() => {})
    await paid
  }

  let tierAtMs = Number.POSITIVE_INFINITY
  function tiersChanged(): void {
    const nextMs = Math.max(tables.nextTierAtMs(), clock.nowMs()) + random() * BEAT_MS
    if (closed || nextMs >= tierAtMs) return
    tierAtMs = nextMs
    void clock.sleep(nextMs - clock.nowMs()).then(async () => {
      if (tierAtMs !== nextMs) return
      tierAtMs = Number.POSITIVE_INFINITY
      const server = anyServer()
      if (server) {
        const owedRows = await server.process.step(() => {
          const version = tables.stepTiers()
          return version === undefined ? [] : tables.insertInvalidations([{ key: keyOf.crowd(), truth: version, replacement: null }])
        })
        await server.delivery.settle(owedRows)
        owed()
      }
      tiersChanged()
    })
  }

  async function keepHouse(): Promise<void> {
    while (!closed) {
      await clock.sleep(HOUSEKEEPING_MS)
      tables.retireViewers()
    }
  }

  async function settleFollow(process: Process, viewerId: string, authorId: string, history?: readonly PostRow[]) {
    return process.step(() => {
      const versions = tables.backfill(viewerId, authorId, history)
      if (!versions) return undefined
      const raised = { [keyOf.timeline(viewerId)]: versions.followVersion, [keyOf.viewer(viewerId)]: versions.viewVersion }
      return { owed: tables.insertInvalidations(dropsOf(raised)), raised }
    })
  }

  /** A request as it arrives at one of the processes. Rejects where none lives. */
  async function served<T>(work: (server: Server) => Promise<T>): Promise<T> {
    await clock.sleep(network.originMs())
    const server = anyServer()
    if (!server) throw new Error('no process of the origin lives')
    const answer = await work(server)
    await clock.sleep(network.originMs())
    return answer
  }

  async function insert(process: Process, authorId: string, text: string | undefined, root: PostRow['root']): Promise<Written> {
    // The id is minted inside the transaction, which may commit much later.
    const id = process.mint()
    if (id === undefined) return { refused: 'clock-skew' }
    const written = await process.step(() => {
      if (root && tables.posts.get(root.id)?.deleted) return 'gone'
      return tables.insertActivity({ id, authorId, text, root })
    })
    if (written === 'gone') return { refused: 'gone' }
    if (!written) return { raised: {} }
    ring()
    return { id, raised: { [keyOf.author(authorId, 'public')]: written.postVersion } }
  }

  async function remove({ process, delivery }: Server, id: string, authorId: string): Promise<Written> {
    const bodyKey = keyOf.post(id, 'public')
    const listKey = keyOf.author(authorId, 'public')
    const { rows, raised } = await process.step((): { rows: InvalidationRow[]; raised: Raised } => {
      const versions = tables.deleteActivity(id)
      if (!versions) return { rows: tables.owedFor([bodyKey, listKey]), raised: {} }
      const rows = tables.insertInvalidations([
        { key: bodyKey, truth: versions.version, replacement: TOMBSTONE },
        { key: listKey, truth: versions.postVersion, replacement: null },
      ])
      return { rows, raised: { [bodyKey]: versions.version, [listKey]: versions.postVersion } }
    })
    owed()
    await delivery.settle(rows)
    return { raised }
  }

  async function enrolAndRebuild(process: Process, viewerId: string): Promise<void> {
    if (has('rebuild before enrolment')) {
      const completeSince = await process.step(() => {
        tables.rebuild(viewerId)
        return tables.viewers.get(viewerId)?.completeSince
      })
      await process.step(() => {
        if (tables.enrol(viewerId)) Object.assign(tables.viewers.get(viewerId) ?? {}, { completeSince })
      })
      return
    }
    await process.step(() => tables.enrol(viewerId))
    await process.step(() => tables.rebuild(viewerId))
  }

  for (let i = 0; i < processes; i++) start()
  void keepHouse()

  return {
    tables,
    servers,
    start,
    tiersChanged,
    /** Nothing is begun any more. */
    close() {
      closed = true
    },
    post: (authorId: string, text: string) => served(({ process }) => insert(process, authorId, text, undefined)),
    repost: (authorId: string, postId: string) =>
      served(async ({ process }) => {
        const post = tables.posts.get(postId)
        if (!post) return { refused: 'not-found' }
        return insert(process, authorId, undefined, post.root ?? { id: post.id, authorId: post.authorId })
      }),
    undoRepost: (authorId: string, postId: string) =>
      served(async (server): Promise<Written> => {
        const standing = await server.process.step(() => {
          const post = tables.posts.get(postId)
          return post && tables.findRepost(authorId, post.root?.id ?? post.id)
        })
        return standing ? remove(server, standing.id, authorId) : { raised: {} }
      }),
    deletePost: (authorId: string, postId: string) =>
      served(async (server): Promise<Written> => {
        if (tables.posts.get(postId)?.authorId !== authorId) return { refused: 'forbidden' }
        return remove(server, postId, authorId)
      }),
    follow: (viewerId: string, authorId: string) =>
      served(async ({ process, delivery }): Promise<Written> => {
        const seen = has('backfill inside the follow') ? await process.step(() => tables.pushedBy(authorId)) : undefined
        const result = await process.step(() => tables.insertFollow(viewerId, authorId))
        owed()
        tiersChanged()
        if (result === 'already' && !(await process.step(() => tables.owesBackfill(viewerId, authorId)))) {
          await delivery.settle(tables.owedFor([keyOf.timeline(viewerId), keyOf.viewer(viewerId)]))
          return { raised: {} }
        }
        const settled = await settleFollow(process, viewerId, authorId, seen)
        owed()
        await delivery.settle(settled?.owed ?? [])
        return { raised: settled?.raised ?? {} }
      }),
    unfollow: (viewerId: string, authorId: string) =>
      served(async ({ process, delivery }): Promise<Written> => {
        const viewerKey = keyOf.viewer(viewerId)
        const { rows, raised } = await process.step((): { rows: InvalidationRow[]; raised: Raised } => {
          const gone = tables.deleteFollow(viewerId, authorId)
          if (!gone) return { rows: tables.owedFor([viewerKey, keyOf.timeline(viewerId)]), raised: {} }
          const raised = { [viewerKey]: gone.viewVersion }
          return { rows: tables.insertInvalidations(dropsOf(raised)), raised }
        })
        owed()
        if (has('cleanup after refollow')) void clock.sleep(700).then(() => process.step(() => tables.dropRows(viewerId, authorId)))
        await delivery.settle(rows)
        return { raised }
      }),
    load: (keys: readonly string[]): Promise<Row[]> =>
      served(async ({ process }) => {
        const viewerIds = keys.flatMap((key) => (key.startsWith('tl:') ? [key.slice(3)] : [])).filter((id) => tables.viewers.has(id))
        for (;;) {
          for (const viewerId of viewerIds) {
            if (tables.needsRebuild(viewerId)) await enrolAndRebuild(process, viewerId)
            else tables.noteActivity(viewerId)
          }
          const rows = await process.step(() => (viewerIds.some(tables.needsRebuild) ? undefined : loadRows(tables, keys)))
          if (rows) return rows
        }
      }),
    older: (viewerId: string, below: string, anchor: string, limit: number) =>
      served(({ process }) => process.step(() => tables.olderFeed(viewerId, below, anchor, limit))),
    olderOfAuthor: (authorId: string, below: string, limit: number) =>
      served(({ process }) => process.step(() => tables.olderOfAuthor(authorId, below, limit))),
  }
}
export type TwinOrigin = ReturnType<typeof createTwinOrigin>
