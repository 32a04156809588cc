import { DEGRADED_HEADER } from '../../contract/headers.ts'
import { pageSchema } from '../../contract/post.ts'
import type { OracleLine } from '../../origin/db/oracle.ts'
import type { Client } from './stack.ts'

/** Reads a feed to its end. Throws where a page is not what the contract says, may lack something, or is short though more follows. */
export async function scroll(client: Client, limit: number, path = '/v1/feed/following', isolate = 0): Promise<OracleLine[]> {
  const lines: OracleLine[] = []
  let cursor: string | null = null
  do {
    const query = new URLSearchParams({ limit: String(limit), ...(cursor === null ? {} : { cursor }) })
    const response = await client.fetch(`${path}?${query}`, { isolate })
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
    const degraded = response.headers.get(DEGRADED_HEADER) ?? ''
    if (/incomplete|timeline-behind/.test(degraded)) throw new Error(`a page that may lack something: ${degraded}`)
    const page = pageSchema.parse(await response.json())
    if (page.next_cursor !== null && page.posts.length !== limit) {
      throw new Error(`a page of ${page.posts.length} instead of ${limit} though more follows`)
    }
    for (const post of page.posts) lines.push([post.activity_id, post.id])
    cursor = page.next_cursor
  } while (cursor !== null)
  return lines
}
