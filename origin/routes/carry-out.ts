import type { Raised } from '../../contract/version-token.ts'
import type { Database, Queryable } from '../db/client.ts'
import { dropsOf, type InvalidationRow, insertInvalidations, owedFor } from '../db/invalidations.ts'
import type { Settle } from '../fanout/settle.ts'

export interface WriteParts {
  readonly db: Database
  readonly settle: Settle
}

/** What a write made untrue. */
export interface Change {
  /** For the version token: keys to truth versions. */
  readonly raised: Raised
  /** What L2 must forget; all that was raised, where it is not said. */
  readonly drops?: readonly Omit<InvalidationRow, 'id'>[]
}

/**
 * Does a write in a transaction together with the invalidations it owes, and carries them out before it is acknowledged. A write that changes
 * nothing (undefined) was done before: then what is still owed for `keys` is finished. Answers what was raised.
 */
export async function carryOut(
  { db, settle }: WriteParts,
  keys: readonly string[],
  write: (tx: Queryable) => Promise<Change | undefined>,
): Promise<Raised> {
  const { owed, raised } = await db.transaction(async (tx) => {
    const change = await write(tx)
    if (!change) return { owed: await owedFor(tx, keys), raised: {} }
    return { owed: await insertInvalidations(tx, change.drops ?? dropsOf(change.raised)), raised: change.raised }
  })
  await settle(owed)
  return raised
}
