import { sql } from 'drizzle-orm'
import { expect } from 'vitest'
import { eventually } from '../eventually.ts'
import { makeUsers } from '../people.ts'
import { type Client, type Stack, startStack } from '../stack.ts'
import type { Asker } from './answers.ts'
import { churn } from './churn.ts'
import { readTruth, type Truth } from './truth.ts'

/** Milliseconds within which every write has taken effect. Bodies of an account that became less visible are swept from L2 in this time too. */
const PROMISED_MS = 5_000

/** A stack with four isolates in two processes, whose small crowds are pulled. */
export const startCrawled = (): Promise<Stack> =>
  startStack({
    processes: 2,
    isolates: 2,
    replicaLagMs: 100,
    origin: { CROWD_THRESHOLD: '4', CROWD_FLOOR: '2', POPULAR_EVERY_MS: '500' },
  })

export interface Lived {
  readonly truth: Truth
  /** Nobody we know, everybody who took part, and at last an outsider. */
  readonly askers: readonly Asker[]
  readonly outsider: Client
}

/** A random history of new people; resolves when all of it has taken effect. */
export async function live(stack: Stack, seed: number, writes: number): Promise<Lived> {
  const people = await Promise.all((await makeUsers(stack.db, 9)).map((id) => stack.client(id)))
  const outsider = people.pop()
  if (!outsider) throw new Error('nobody was made')
  const serviceToken = await stack.tokenFor({ sub: 'product', role: 'service' })
  const { done, refused } = await churn({ seed, people, isolates: stack.urls, serviceToken, writes, hands: 6 })
  console.log(`seed ${seed}: ${done} writes, ${refused} refused`)
  await eventually(async () => {
    expect(await stack.db.execute(sql`select 1 from sweeps where due_at < 'infinity'`)).toHaveLength(0)
    expect(await stack.db.execute(sql`select 1 from invalidations where done_at is null`)).toHaveLength(0)
  }, 60_000)
  // Counted from the last debt that was paid, for memories verify only later.
  const settledAtMs = performance.now() + PROMISED_MS
  await eventually(() => expect(performance.now()).toBeGreaterThan(settledAtMs))
  const askers = [undefined, ...people, outsider].map((one) => ({
    id: one?.id,
    headers: one ? { authorization: `Bearer ${one.token}` } : {},
  }))
  return { truth: await readTruth(stack.db), askers, outsider }
}
