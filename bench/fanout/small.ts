import { sql } from 'drizzle-orm'
import { type Database, idArray } from '../../origin/db/client.ts'
import { bar, beside, type Scenario } from './scenario.ts'
import { BATCH, drainWith, enqueue, measured, NO_PUSH } from './sides.ts'

const ALONE = 'bare INSERT … SELECT, one author per statement'
const TOGETHER = `bare INSERT … SELECT, ${BATCH} authors per statement, by viewer`
const OURS = `one worker, batches of ${BATCH}`
const OURS_ALONE = 'one worker, a job at a time'

/** Posts of a form in a round: of 90 followers on average. */
const POSTS = 3_000

export const small: Scenario = {
  name: 'small',
  title: 'Entries per second, small authors',
  about: `Authors of 30 to 150 followers, L2 push off, synchronous_commit off, the same prefilled table. The bare side writes nothing but the entries; ours is the origin's worker with all it does.`,
  columns: [
    { figure: 'perS', title: 'entries/s' },
    { figure: 'ratio', title: 'to one author per statement' },
    { figure: 'postgresUs', title: 'CPU of Postgres per entry', unit: ' µs' },
    { figure: 'walBytes', title: 'WAL per entry', unit: ' B' },
  ],
  bars: [bar(OURS, 'ratio', { atLeast: 1.8 }, 'batched, with all bookkeeping: at least 1.8 times one author per bare statement')],
  async open(world) {
    const graph = await world.graph()
    const pool = graph.connect(4, false)
    const { db } = pool
    const posts = world.quick ? POSTS / 6 : POSTS
    const { small: authors } = graph.authors
    let next = 0
    const someAuthors = (count = posts): bigint[] => Array.from({ length: count }, () => authors[next++ % authors.length] as bigint)
    const run = (prepare: () => Promise<() => Promise<number>>) => () => measured(world, graph, prepare)
    const ours = (batch: number) =>
      run(async () => {
        await enqueue(db, someAuthors(batch === 1 ? posts / 10 : posts), graph.nextId) // one by one it is ten times slower
        return () => drainWith(db, NO_PUSH, 1, batch)
      })
    const peer = (together: number) => run(async () => bare(db, someAuthors(), graph.nextId, together))
    const forms = [
      { title: ALONE, peer: ALONE, run: peer(1) },
      { title: TOGETHER, peer: ALONE, run: peer(BATCH) },
      { title: OURS, peer: ALONE, run: ours(BATCH) },
      { title: OURS_ALONE, peer: ALONE, run: ours(1) },
    ]
    return { round: (round) => beside(forms, round), close: () => pool.close() }
  },
}

/** The bare side: one INSERT … SELECT for so many authors. */
function bare(db: Database, authorIds: readonly bigint[], nextId: () => bigint, together: number): () => Promise<number> {
  const ids = authorIds.map(nextId)
  return async () => {
    let count = 0
    for (let at = 0; at < ids.length; at += together) {
      const inserted = await db.execute(sql`
        insert into timeline_entries (viewer_id, activity_id, author_id, root_id, root_author_id, audience)
        select viewer_id, n.id, n.author_id, null, null, null
        from unnest(${idArray(ids.slice(at, at + together))}, ${idArray(authorIds.slice(at, at + together))}) n(id, author_id)
          join push_edges e on e.author_id = n.author_id order by viewer_id, n.id`)
      count += inserted.count
    }
    return count
  }
}
