import { type Loaded, loadRows } from './loads.ts'
import type { Servers } from './origin.ts'
import { marksOf } from './posts.ts'
import type { Process } from './process.ts'
import { need } from './rows.ts'
import type { State } from './state.ts'
import * as timelines from './timelines.ts'

/** What the worker asks: the twins of origin/routes/internal.ts and origin/timelines. */
export function createReads(state: State, { served }: Servers) {
  async function enrolAndRebuild(process: Process, viewerId: string): Promise<void> {
    if (state.has('rebuild before enrolment')) {
      const completeSince = await process.step(() => {
        timelines.rebuild(state, viewerId)
        return need(state.viewers, viewerId).completeSince
      })
      await process.step(() => {
        if (timelines.enrol(state, viewerId)) need(state.viewers, viewerId).completeSince = completeSince
      })
      return
    }
    await process.step(() => timelines.enrol(state, viewerId))
    await process.step(() => timelines.rebuild(state, viewerId))
  }

  return {
    load: (keys: readonly string[]): Promise<Loaded[]> =>
      served(async ({ process }) => {
        const viewerIds = keys.flatMap((key) => (key.startsWith('tl:') ? [key.slice(3)] : [])).filter((id) => state.viewers.has(id))
        for (;;) {
          for (const viewerId of viewerIds) {
            if (timelines.needsRebuild(state, viewerId)) await enrolAndRebuild(process, viewerId)
            else timelines.noteActivity(state, viewerId)
          }
          const rows = await process.step(() =>
            viewerIds.some((viewerId) => timelines.needsRebuild(state, viewerId)) ? undefined : loadRows(state, keys),
          )
          if (rows) return rows
        }
      }),
    older: (ask: Parameters<typeof timelines.olderFeed>[1]) => served(({ process }) => process.step(() => timelines.olderFeed(state, ask))),
    olderOfAuthor: (ask: Parameters<typeof timelines.olderOfAuthor>[1]) =>
      served(({ process }) => process.step(() => timelines.olderOfAuthor(state, ask))),
    marks: ({ viewerId, postIds }: { readonly viewerId: string; readonly postIds: readonly string[] }) =>
      served(({ process }) =>
        process.step(() => {
          const { liked, reposted } = marksOf(state, viewerId)
          return { liked: liked.filter((id) => postIds.includes(id)), reposted: reposted.filter((id) => postIds.includes(id)) }
        }),
      ),
  }
}
