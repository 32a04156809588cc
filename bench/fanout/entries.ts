import { sql } from 'drizzle-orm'
import type { Database } from '../../origin/db/client.ts'
import type { Graph } from './graph.ts'
import { bar, beside, type Scenario } from './scenario.ts'
import { CHUNK_SIZE, drainWith, enqueue, measured, NO_PUSH, realDelivery } from './sides.ts'

const RAW = 'bare INSERT … SELECT, one connection'
const RAW_TWO = 'bare INSERT … SELECT, two connections'
const OFF = 'one worker, L2 push off'
const ON = 'one worker, L2 push overlapped'
const TWO_OFF = 'two workers, L2 push off'
const TWO = 'two workers, L2 push overlapped'

/** Entries of a form in a round, about. */
const ENTRIES = 300_000

/** Fan-out of big authors beside the bare insert of the same rows. */
export const entries: Scenario = {
  name: 'entries',
  title: 'Entries per second, big authors',
  about: `Authors of 5,000 to 10,000 followers, whose posts are queued beforehand; chunks of ${CHUNK_SIZE}, synchronous_commit off, the same prefilled table. The bare side is one plain INSERT … SELECT per chunk, whose bounds it is told, and writes nothing else; ours is the origin's worker with all it does (job, chunk, progress, trim). With L2 push every timeline is present in Redis, 800 entries each, and the pushes run the full protocol script over HTTP; Postgres, Redis, the façade and the workers share the cores.`,
  columns: [
    { figure: 'perS', title: 'entries/s' },
    { figure: 'ratio', title: 'to the bare insert' },
    { figure: 'postgresUs', title: 'CPU of Postgres per entry', unit: ' µs' },
    { figure: 'nodeUs', title: 'of the worker', unit: ' µs' },
    { figure: 'walBytes', title: 'WAL per entry', unit: ' B' },
  ],
  bars: [
    bar(OFF, 'ratio', { atLeast: 0.9 }, 'L2 push off: at least 0.90 of the bare insert'),
    bar(ON, 'ratio', { atLeast: 0.75 }, 'L2 push on, overlapped: at least 0.75'),
    bar(TWO, 'ratio', { atLeast: 0.5 }, 'two workers on both cores with Redis there, the full protocol script: at least 0.50'),
  ],
  async open(world) {
    const graph = await world.graph()
    const pool = graph.connect(6, false)
    const { db } = pool
    const delivery = realDelivery(db, world.store)
    const most = world.quick ? ENTRIES / 6 : ENTRIES
    let next = 0
    /** Authors in turn, until their followers are enough. */
    const someAuthors = (): bigint[] => {
      const count = Math.max(1, Math.round(most / 7_500))
      return Array.from({ length: count }, () => graph.authors.big[next++ % graph.authors.big.length] as bigint)
    }
    const run = (prepare: () => Promise<() => Promise<number>>) => () => measured(world, graph, prepare)
    const ours = (workers: number, push: boolean) =>
      run(async () => {
        if (push) await graph.fillL2()
        await enqueue(db, someAuthors(), graph.nextId)
        return () => drainWith(db, push ? delivery : NO_PUSH, workers)
      })
    const peer = (connections: number) => run(() => bare(db, graph, someAuthors(), connections))
    const forms = [
      { title: RAW, peer: RAW, run: peer(1) },
      { title: OFF, peer: RAW, run: ours(1, false) },
      { title: ON, peer: RAW, run: ours(1, true) },
      { title: RAW_TWO, peer: RAW_TWO, run: peer(2) },
      { title: TWO_OFF, peer: RAW_TWO, run: ours(2, false) },
      { title: TWO, peer: RAW_TWO, run: ours(2, true) },
    ]
    await peer(2)() // the plans, and the pages of whoever comes first
    return { round: (round) => beside(forms, round), close: () => pool.close() }
  },
}

/** The bare side: for each chunk of each author, whose bounds are found beforehand, one INSERT … SELECT. */
async function bare(db: Database, { nextId }: Graph, authorIds: readonly bigint[], connections: number): Promise<() => Promise<number>> {
  const chunks: { readonly authorId: bigint; readonly id: bigint; readonly after: bigint; readonly last: bigint }[] = []
  for (const authorId of authorIds) {
    const rows = await db.execute<{ last: bigint }>(sql`
      select max(viewer_id) as last from (
        select viewer_id, (row_number() over (order by viewer_id) - 1) / ${CHUNK_SIZE} as chunk from push_edges where author_id = ${authorId}) e
      group by chunk order by 1`)
    const id = nextId()
    let after = 0n
    for (const { last } of rows) {
      chunks.push({ authorId, id, after, last })
      after = last
    }
  }
  return async () => {
    let count = 0
    const left = chunks.values()
    const one = async () => {
      for (const { authorId, id, after, last } of left) {
        const inserted = await db.execute(sql`
          insert into timeline_entries (viewer_id, activity_id, author_id, root_id, root_author_id, audience)
          select viewer_id, ${id}::bigint, ${authorId}::bigint, null, null, null from push_edges
          where author_id = ${authorId} and viewer_id > ${after} and viewer_id <= ${last} order by viewer_id`)
        count += inserted.count
      }
    }
    await Promise.all(Array.from({ length: connections }, one))
    return count
  }
}
