import { sql } from 'drizzle-orm'
import { VERSION_COOKIE, VERSION_HEADER } from '../../../contract/headers.ts'
import { eventually } from '../eventually.ts'
import { makeFollows, makeUsers } from '../people.ts'
import { runningMs } from '../running-time.ts'
import type { Stack } from '../stack.ts'

/** A write that was acknowledged: what it made, how to insist on it, and when the acknowledgement arrived. */
export interface Written {
  readonly id: string
  /** The version token as the header said it, and as a browser would keep it. */
  readonly version: string | null
  readonly cookie: string | null
  /** Of a clock that stands still while this process is paused (milliseconds). */
  readonly ackedAtMs: number
}

/** Somebody who reads and writes. */
export interface Person {
  readonly id: string
  readonly token: string
  /** Throws where the write is refused. */
  write(method: string, path: string, body?: unknown): Promise<Written>
}

/** Who an effect needs, made for it alone. Writes go to the stack's first isolate. */
export interface Cast {
  people(count: number): Promise<Person[]>
  /** Straight to the database, as long ago. Where everybody is crowded it resolves when those who are followed are pulled. */
  follow(...pairs: readonly (readonly [follower: Person, followee: Person])[]): Promise<void>
  /** Your product's own service, which suspends accounts. */
  readonly service: Person
}

export async function createCast(stack: Stack, crowded = false): Promise<Cast> {
  const url = stack.urls[0] ?? ''
  const person = (id: string, token: string): Person => ({
    id,
    token,
    async write(method, path, body) {
      const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
      const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      const ackedAtMs = runningMs()
      const text = await response.text()
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
      const { id: made = '' } = text === '' ? {} : (JSON.parse(text) as { id?: string })
      const [cookie = null] = response.headers
        .getSetCookie()
        .flatMap((line) => (line.startsWith(`${VERSION_COOKIE}=`) ? [line.split(';')[0] ?? ''] : []))
      return { id: made, version: response.headers.get(VERSION_HEADER), cookie, ackedAtMs }
    },
  })
  return {
    people: async (count) =>
      Promise.all((await makeUsers(stack.db, count)).map(async (id) => person(id, await stack.tokenFor({ sub: id })))),
    async follow(...pairs) {
      const ids = pairs.map(([follower, followee]) => [follower.id, followee.id] as const)
      await makeFollows(stack.db, ids)
      if (!crowded) return
      const followed = sql.join(
        ids.map(([, followee]) => sql`${followee}::bigint`),
        sql`, `,
      )
      await eventually(async () => {
        const rows = await stack.db.execute(sql`select 1 from authors where author_id in (${followed}) and route <> 'pull'`)
        if (rows.length > 0) throw new Error(`${rows.length} of those who are followed are not pulled yet`)
      }, 30_000)
    },
    service: person('', await stack.tokenFor({ sub: 'product', role: 'service' })),
  }
}
