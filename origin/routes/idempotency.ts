import { hash } from 'node:crypto'
import { idempotencyKeySchema } from '../../contract/headers.ts'
import { Problem } from '../../contract/problem.ts'
import type { Database, Queryable } from '../db/client.ts'
import { findAnswer, type StoredAnswer, storeAnswer } from '../db/posts.ts'

/** What a write answers: status, body, and which cache keys it raised to which truth version. */
export type Answer = Omit<StoredAnswer, 'fingerprint'>

/** The request a key stands for: method, path and body. */
export const fingerprintOf = (method: string, path: string, body: Uint8Array): string =>
  hash('sha256', Buffer.concat([Buffer.from(`${method} ${path}\n`), body]))

/** The key in the header; undefined where there is none. */
export function parseIdempotencyKey(header: string | undefined): string | undefined {
  const key = idempotencyKeySchema.optional().safeParse(header)
  if (!key.success) throw new Problem('bad-request', key.error.issues[0]?.message ?? 'This Idempotency-Key is not valid.')
  return key.data
}

/**
 * Does a write once however often it is asked for. What it made and the answer commit together; a repetition, even a concurrent
 * one, gets the first answer again; the same key on another request is refused.
 */
export async function once(
  db: Database,
  ask: { readonly userId: bigint; readonly key: string | undefined; readonly fingerprint: string },
  write: (tx: Queryable) => Promise<Answer>,
): Promise<{ readonly answer: Answer; readonly replayed: boolean }> {
  const { userId, key, fingerprint } = ask
  if (key === undefined) return { answer: await db.transaction(write), replayed: false }
  try {
    let stored: Promise<void> = Promise.resolve()
    const answer = await db.transaction(async (tx) => {
      const made = await write(tx)
      // On its way together with the commit: if it fails, nothing commits.
      stored = storeAnswer(tx, userId, key, { ...made, fingerprint })
      stored.catch(() => {})
      return made
    })
    await stored
    return { answer, replayed: false }
  } catch (error) {
    // Looked for only now: what is repeated is rare, and is refused for the key if for nothing else.
    const before = await findAnswer(db, userId, key).catch(() => undefined)
    if (!before) throw error
    return replay(before, fingerprint)
  }
}

function replay(stored: StoredAnswer, fingerprint: string): { answer: Answer; replayed: boolean } {
  if (stored.fingerprint !== fingerprint) throw new Problem('idempotency-key-reused', 'A new request needs a new Idempotency-Key.')
  return { answer: stored, replayed: true }
}
