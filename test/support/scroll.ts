import { DEGRADED_HEADER } from '../../contract/headers.ts'
import { type Page, pageSchema } from '../../contract/post.ts'
import type { OracleLine } from '../../origin/db/oracle.ts'
import type { Client } from './stack.ts'

/** Milliseconds in which whatever was busy answers, so that a page lacks nothing. */
const BUSY_MS = 30_000

/** Reads a feed to its end. Throws where a page is not what the contract says, goes on lacking something, or is short though more follows. */
export async function scroll(client: Client, limit: number, path = '/v1/feed/following', isolate = 0): Promise<OracleLine[]> {
  const lines: OracleLine[] = []
  let cursor: string | null = null
  do {
    const query = new URLSearchParams({ limit: String(limit), ...(cursor === null ? {} : { cursor }) })
    const page: Page = await wholePage(() => client.fetch(`${path}?${query}`, { isolate }))
    if (page.next_cursor !== null && page.posts.length !== limit) {
      throw new Error(`a page of ${page.posts.length} instead of ${limit} though more follows`)
    }
    for (const post of page.posts) lines.push([post.activity_id, post.id])
    cursor = page.next_cursor
  } while (cursor !== null)
  return lines
}

/** Asks again while the answer says that it may lack something. */
async function wholePage(ask: () => Promise<Response>): Promise<Page> {
  const endsAtMs = performance.now() + BUSY_MS
  for (;;) {
    const isLast = performance.now() >= endsAtMs
    const response = await ask()
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
    const page = pageSchema.parse(await response.json())
    const degraded = response.headers.get(DEGRADED_HEADER) ?? ''
    if (!/incomplete|timeline-behind/.test(degraded)) return page
    if (isLast) throw new Error(`a page that may lack something: ${degraded}`)
  }
}
