import type { Marks } from '../../contract/timeline.ts'
import { demand } from './demand.ts'
import type { FeedKeys } from './keys.ts'
import { createOnlooker, type Onlooker } from './onlooker.ts'
import type { Part } from './parts.ts'
import type { Sheet } from './sheet.ts'

/** Who looks at an author's page or a post, and what they did to posts. */
export interface Visitor {
  /** Undefined for nobody we know: without a token, or with that of a user there is none of. */
  readonly onlooker: Onlooker | undefined
  readonly marks: Part<Marks> | undefined
}

const NOBODY: Visitor = { onlooker: undefined, marks: undefined }

/** Asks, with what is asked anyway, what is known of a viewer; the answer is there once the sheet was read. Throws where it could not be had. */
export function askAbout(viewerId: string | undefined, keys: FeedKeys, sheet: Sheet): () => Visitor {
  if (viewerId === undefined) return () => NOBODY
  const viewerKey = keys.viewer(viewerId)
  const marksKey = keys.marks(viewerId)
  const viewer = sheet.ask(viewerKey)
  const marks = sheet.ask(marksKey)
  return () => {
    const state = demand(() => sheet.need(viewerKey, viewer)).value
    return state ? { onlooker: createOnlooker({ viewerId, state, where: 'page' }), marks: sheet.get(marksKey, marks) } : NOBODY
  }
}
