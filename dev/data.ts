import { MIGRATIONS } from '../origin/migrations.ts'
import { explainDatabaseError, lineOf } from './command-line.ts'
import type { Say } from './progress.ts'
import { createDemo, DEMO_READER } from './seed.ts'

const DEMO_SEED = 20_261_121

export interface Reader {
  readonly id: string
  readonly handle: string
}

/** Brings a database up to date, fills it where it has no users, and answers whom to read it as. */
export async function prepareData(url: URL, crowdFloor: number, say: Say): Promise<Reader> {
  // drizzle takes half a second
  const [{ connect }, { migrate }] = await Promise.all([import('../origin/db/client.ts'), import('../origin/db/migrations.ts')])
  const seeds = await import('../origin/db/seed.ts')
  try {
    await migrate(url.href, MIGRATIONS)
    say('the tables are up to date')
    const { db, close } = connect(url.href, { maxConnections: 1, statementTimeoutMs: 60_000, applicationName: 'tideline-start' })
    try {
      const seeded = await seeds.seedIfEmpty(db, () => createDemo({ seed: DEMO_SEED, nowMs: Date.now() }))
      await db.transaction((tx) => seeds.admitCandidates(tx, crowdFloor))
      if (seeded) await seeds.analyze(db)
      const { users, posts } = await seeds.countRows(db)
      const counted = `${users.toLocaleString('en-US')} users, ${posts.toLocaleString('en-US')} posts`
      say(seeded ? `a demo graph is in: ${counted}` : `the data of before is there: ${counted}`)
      const reader = await seeds.someReader(db, DEMO_READER)
      if (!reader) throw new Error('all users of the database are deleted: there is nobody to read as')
      return reader
    } finally {
      await close()
    }
  } catch (error) {
    const explained = explainDatabaseError(error, url)
    throw explained instanceof Error ? explained : new Error(`the database failed: ${lineOf(error)}`, { cause: error })
  }
}

/** What tells a database of the caller's own from others. Throws in one line where it cannot be reached. */
export async function databaseIdentity(url: URL): Promise<string> {
  const { connect } = await import('../origin/db/client.ts')
  const { identityOf } = await import('../origin/db/seed.ts')
  const { db, close } = connect(url.href, { maxConnections: 1, statementTimeoutMs: 10_000, applicationName: 'tideline-start' })
  try {
    return `${url.host} ${await identityOf(db)}`
  } catch (error) {
    throw explainDatabaseError(error, url)
  } finally {
    await close()
  }
}
