import { type Loaded, loadRows } from './loads.ts'
import type { Servers } from './origin.ts'
import { marksOf } from './posts.ts'
import type { Process } from './process.ts'
import { NOT_REBUILT, need } from './rows.ts'
import type { State } from './state.ts'
import * as timelines from './timelines.ts'

/** What the worker asks: the twins of origin/routes/internal.ts and origin/timelines. */
export function createReads(state: State, { served }: Servers) {
  /** Brings viewers back who are dormant: the enrolment commits, *then* the snapshot is taken; the rows are written behind the answer. */
  async function loadOnce(process: Process, keys: readonly string[], viewerIds: readonly string[]): Promise<Loaded[] | undefined> {
    const isDormant = (viewerId: string): boolean => !need(state.viewers, viewerId).enrolled && !need(state.users, viewerId).deleted
    const returning = viewerIds.filter(isDormant)
    if (returning.length > 0 && state.has('rebuild before enrolment')) {
      for (const viewerId of returning) need(state.viewers, viewerId).completeSince = NOT_REBUILT
      const rows = await process.step(() => loadRows(state, keys))
      for (const viewerId of returning) await process.step(() => timelines.enrol(state, viewerId))
      return rows
    }
    for (const viewerId of viewerIds) {
      if (isDormant(viewerId)) await process.step(() => timelines.enrol(state, viewerId))
      else await process.step(() => timelines.noteActivity(state, viewerId))
    }
    const rows = await process.step(() => (viewerIds.some(isDormant) ? undefined : loadRows(state, keys)))
    for (const viewerId of viewerIds) {
      if (need(state.viewers, viewerId).completeSince === NOT_REBUILT) void process.step(() => timelines.rebuild(state, viewerId))
    }
    return rows
  }

  return {
    load: (keys: readonly string[]): Promise<Loaded[]> =>
      served(async ({ process }) => {
        const viewerIds = keys.flatMap((key) => (key.startsWith('tl:') ? [key.slice(3)] : [])).filter((id) => state.viewers.has(id))
        for (;;) {
          const rows = await loadOnce(process, keys, viewerIds)
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
