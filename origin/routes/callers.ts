import { Problem } from '../../contract/problem.ts'
import type { Queryable } from '../db/client.ts'
import { findUsers } from '../db/users.ts'
import { unknownCaller } from '../http/identity.ts'

export const noUser = (userId: bigint): Problem => new Problem('not-found', `There is no user ${userId}.`)

/** A suspended account reads, hides and leaves as ever; what others would see of it is refused. */
export const suspendedCaller = (): Problem =>
  new Problem('forbidden', 'This account is suspended: it may read, and do nothing that others see.')

/** Throws unless the caller is there. */
export async function requireCaller(db: Queryable, callerId: bigint): Promise<void> {
  if ((await findUsers(db, [callerId])).length === 0) throw unknownCaller(callerId)
}

/** Throws unless the caller is there and not suspended. */
export async function requireActive(db: Queryable, callerId: bigint): Promise<void> {
  const [caller] = await findUsers(db, [callerId])
  if (!caller) throw unknownCaller(callerId)
  if (caller.suspended) throw suspendedCaller()
}

/** Throws unless the caller is there, and the other one too, and can be seen. */
export async function requireBoth(db: Queryable, callerId: bigint, otherId: bigint): Promise<void> {
  const users = await findUsers(db, [callerId, otherId])
  if (!users.some(({ id }) => id === callerId)) throw unknownCaller(callerId)
  const other = users.find(({ id }) => id === otherId)
  if (!other || other.suspended) throw noUser(otherId)
}
