import { type DemoReaders, demoReadersSchema, type ReadersQuery, watchedSchema, watchSchema } from '../../contract/demo.ts'
import { PROBLEMS, Problem, type ProblemSlug } from '../../contract/problem.ts'
import type { Forward } from '../http/forward-port.ts'

/** The origin's own demo routes. Rejects with the problem that the origin answers. */
export interface DemoOrigin {
  readers(query: ReadersQuery): Promise<DemoReaders>
  /** Makes a post cold in L2; answers what tells how many loads have asked the origin for it since. */
  watch(postId: string): Promise<() => Promise<number>>
}

export function createDemoOrigin(forward: Forward, newRequestId: () => string): DemoOrigin {
  async function ask(path: string, question: unknown): Promise<unknown> {
    const body = new TextEncoder().encode(JSON.stringify(question))
    const headers = { 'content-type': 'application/json' }
    const answer = await forward({ method: 'POST', path, body, headers, caller: {}, requestId: newRequestId() })
    const document: unknown = await answer.json()
    if (answer.ok) return document
    throw problemOf(document)
  }
  return {
    readers: async (query) => demoReadersSchema.parse(await ask('/internal/demo/readers', query)),
    async watch(postId) {
      const { watch } = watchSchema.parse(await ask('/internal/demo/watch', { post_id: postId }))
      return async () => watchedSchema.parse(await ask('/internal/demo/watched', { watch })).origin_loads
    },
  }
}

/** What the origin refused with, as a problem of ours. */
function problemOf(document: unknown): Problem {
  const { type = '', detail = '' } = document as { readonly type?: string; readonly detail?: string }
  const slug = type.slice(type.lastIndexOf('/') + 1)
  return slug in PROBLEMS ? new Problem(slug as ProblemSlug, detail) : new Problem('origin-unavailable', 'The origin did not understand.')
}
