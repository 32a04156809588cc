import { type Connection, connect } from '../../origin/db/client.ts'
import { analyze, countRows } from '../../origin/db/seed.ts'
import { followsOf, listPeople, type PersonRow, silentAuthors, writePast } from '../../origin/db/simulation.ts'
import { explainDatabaseError, UsageError } from '../command-line.ts'
import { loadGraph, sizeOfGraph } from '../load-graph.ts'
import type { Say } from '../progress.ts'
import { issueToken } from '../ready.ts'
import { pastPosts } from './past.ts'

/** A running stack. */
export interface Target {
  readonly workerUrl: string
  readonly databaseUrl: URL
  readonly jwtSecret: string
  readonly crowdFloor: number
}

/** The stack as the simulation sees it. Close it. */
export interface World {
  readonly workerUrl: string
  readonly db: Connection['db']
  readonly people: readonly PersonRow[]
  readonly follows: number
  readonly posts: number
  /** A bearer token; made once for each user. */
  tokenOf(userId: string): Promise<string>
  followsOf(readerIds: readonly string[]): Promise<{ follower: string; followee: string }[]>
  close(): Promise<void>
}

const TOKEN_HOURS = 12
/** Posts an imported graph is given as its past, and the most for each of its users. */
const PAST_POSTS = 30_000
const PAST_POSTS_PER_USER = 40
const PAST_BATCH = 5_000
const ANSWER_DEADLINE_MS = 10_000

export async function openWorld(target: Target): Promise<World> {
  const { db, close } = connect(target.databaseUrl.href, {
    maxConnections: 4,
    statementTimeoutMs: 60_000,
    applicationName: 'tideline-simulate',
  })
  try {
    const people = await listPeople(db)
    const tokens = new Map<string, Promise<string>>()
    return {
      workerUrl: target.workerUrl,
      db,
      people,
      follows: people.reduce((sum, { followees }) => sum + followees, 0),
      posts: (await countRows(db)).posts,
      tokenOf: (userId) => {
        const token = tokens.get(userId) ?? issueToken(target.jwtSecret, { sub: userId }, TOKEN_HOURS)
        tokens.set(userId, token)
        return token
      },
      followsOf: (readerIds) => followsOf(db, readerIds),
      close,
    }
  } catch (error) {
    await close()
    throw explainDatabaseError(error, target.databaseUrl)
  }
}

/** Throws where nobody answers at the worker's address. */
export async function assertAnswers(workerUrl: string): Promise<void> {
  try {
    const response = await fetch(`${workerUrl}/v1/feed/following`, { signal: AbortSignal.timeout(ANSWER_DEADLINE_MS) })
    await response.arrayBuffer()
    if (response.status === 401) return
    throw new UsageError(`what answers at ${workerUrl} is no worker of ours: ${response.status} for a feed without a token`)
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`nobody answers at ${workerUrl}: is npm start still running?`, { cause: error })
  }
}

/** Makes sure that the stack holds the graph of a file. Authors who come with it and have never posted are given a past. */
export async function holdGraph({ databaseUrl, crowdFloor }: Target, file: string, seed: number, say: Say): Promise<void> {
  const number = (value: number) => value.toLocaleString('en-US')
  const counts = await loadGraph({ file, fileBytes: await sizeOfGraph(file), databaseUrl, crowdFloor })
  say(`${file} is held: ${number(counts.usersNew)} users and ${number(counts.followsNew)} follows are new, the others were there`)
  if (counts.usersNew === 0) return
  const { db, close } = connect(databaseUrl.href, { maxConnections: 1, statementTimeoutMs: 60_000, applicationName: 'tideline-simulate' })
  try {
    const silent = await silentAuthors(db)
    const authors = (await listPeople(db)).filter(({ id }) => silent.has(id))
    if (authors.length === 0) return
    const size = Math.min(PAST_POSTS, PAST_POSTS_PER_USER * authors.length)
    const posts = pastPosts({ seed, nowMs: Date.now(), posts: size, authors })
    await db.transaction(async (tx) => {
      for (let at = 0; at < posts.length; at += PAST_BATCH) await writePast(tx, posts.slice(at, at + PAST_BATCH))
    })
    await analyze(db)
    say(`its authors have a past: ${number(posts.length)} posts of the last five days`)
  } catch (error) {
    throw explainDatabaseError(error, databaseUrl)
  } finally {
    await close()
  }
}
