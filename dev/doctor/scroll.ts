import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { DEGRADED_HEADER, REQUEST_ID_HEADER } from '../../contract/headers.ts'
import { pageSchema } from '../../contract/post.ts'
import { reasonOf } from '../preflight/check.ts'
import type { SeenLine } from './compare.ts'

/** A reader's feed, as far as it was read. */
export interface Scroll {
  readonly lines: readonly SeenLine[]
  readonly pages: number
  /** What pages said of themselves: reason → pages. */
  readonly degraded: ReadonlyMap<string, number>
  /** Whose posts: of whom the reader follows, or what is popular, for one who follows nobody. */
  readonly source: string
  /** `end`: the history ended. `limit`: as much as was asked for. Else why it went no further. */
  readonly ended: 'end' | 'limit' | { readonly failed: string }
}

interface Ask {
  readonly workerUrl: string
  readonly token: string
  readonly pageSize: number
  readonly maxPages: number
  readonly maxPosts: number
  readonly onPage: (pages: number, posts: number) => void
}

const FEED = '/v1/feed/following'
const ANSWER_DEADLINE_MS = 10_000
/** A 503 is asked again, after as long as it says. */
const MAX_TRIES = 3
const MAX_RETRY_AFTER_S = 5
const problemSchema = z.object({ type: z.string(), detail: z.string() })

/** Reads a feed over HTTP, page by page, to its end or to a limit. */
export async function scroll({ workerUrl, token, pageSize, maxPages, maxPosts, onPage }: Ask): Promise<Scroll> {
  const lines: SeenLine[] = []
  const degraded = new Map<string, number>()
  let source = 'following'
  let pages = 0
  let cursor: string | null = null
  const so = (ended: Scroll['ended']): Scroll => ({ lines, pages, degraded, source, ended })
  do {
    if (pages >= maxPages || lines.length >= maxPosts) return so('limit')
    const query: URLSearchParams = new URLSearchParams({
      limit: String(Math.min(pageSize, maxPosts - lines.length)),
      ...(cursor === null ? {} : { cursor }),
    })
    const answer = await ask(new URL(`${FEED}?${query}`, workerUrl), token)
    if ('failed' in answer) return so(answer)
    for (const reason of answer.degraded) degraded.set(reason, (degraded.get(reason) ?? 0) + 1)
    for (const post of answer.page.posts) lines.push({ activityId: post.activity_id, rootId: post.id })
    source = answer.page.source
    cursor = answer.page.next_cursor
    pages += 1
    onPage(pages, lines.length)
  } while (cursor !== null)
  return so('end')
}

async function ask(
  url: URL,
  token: string,
): Promise<{ readonly page: z.infer<typeof pageSchema>; readonly degraded: readonly string[] } | { readonly failed: string }> {
  for (let tries = 1; ; tries++) {
    try {
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(ANSWER_DEADLINE_MS) })
      const body: unknown = JSON.parse(await response.text())
      if (response.status === 200) {
        return { page: pageSchema.parse(body), degraded: response.headers.get(DEGRADED_HEADER)?.split(', ') ?? [] }
      }
      const problem = problemSchema.safeParse(body).data
      const says = problem ? `${problem.type.replace('/problems/', '')}: ${problem.detail}` : 'no problem document'
      const after = Number(response.headers.get('retry-after') ?? Number.NaN)
      if (response.status !== 503 || !Number.isFinite(after) || tries >= MAX_TRIES) {
        return { failed: `the edge answers ${response.status} ${says} (request ${response.headers.get(REQUEST_ID_HEADER) ?? '?'})` }
      }
      await sleep(Math.min(after, MAX_RETRY_AFTER_S) * 1_000)
    } catch (error) {
      const what =
        error instanceof SyntaxError || error instanceof z.ZodError ? 'answers what is no page' : `does not answer (${reasonOf(error)})`
      return { failed: `${url.origin} ${what}` }
    }
  }
}
