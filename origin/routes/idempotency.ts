import { idempotencyKeySchema } from '../../contract/headers.ts'
import { Problem } from '../../contract/problem.ts'
import { sha256Hex } from '../../contract/signed.ts'
import type { Database, Queryable } from '../db/client.ts'
import { isUniqueViolation } from '../db/client.ts'
import { findAnswer, type StoredAnswer, storeAnswer } from '../db/posts.ts'

/** What a write answers: status, body, and which cache keys it raised to which truth version. */
export type Answer = Omit<StoredAnswer, 'fingerprint'>

/** The request a key stands for: method, path and body. */
export async function fingerprintOf(method: string, path: string, body: Uint8Array<ArrayBuffer>): Promise<string> {
  const head = new TextEncoder().encode(`${method} ${path}\n`)
  const all = new Uint8Array(head.length + body.length)
  all.set(head)
  all.set(body, head.length)
  return sha256Hex(all)
}

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
  const before = await findAnswer(db, userId, key)
  if (before) return replay(before, fingerprint)
  try {
    const answer = await db.transaction(async (tx) => {
      const made = await write(tx)
      await storeAnswer(tx, userId, key, { ...made, fingerprint })
      return made
    })
    return { answer, replayed: false }
  } catch (error) {
    const meanwhile = isUniqueViolation(error) ? await findAnswer(db, userId, key) : undefined
    if (!meanwhile) throw error
    return replay(meanwhile, fingerprint)
  }
}

function replay(stored: StoredAnswer, fingerprint: string): { answer: Answer; replayed: boolean } {
  if (stored.fingerprint !== fingerprint) throw new Problem('idempotency-key-reused', 'A new request needs a new Idempotency-Key.')
  return { answer: stored, replayed: true }
}
