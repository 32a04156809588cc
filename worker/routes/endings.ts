import { type Cursor, decodeCursor, decodeGap, encodeCursor, encodeGap, type Gap } from '../../contract/cursor.ts'
import { Problem } from '../../contract/problem.ts'
import type { SigningKey } from '../../contract/signed.ts'
import { type Fingerprint, fingerprintOf } from '../feed/entity-tag.ts'
import { createMemo } from '../feed/memo.ts'
import { type PageEnd, pageEnd } from '../feed/page-body.ts'
import type { FeedPage } from '../feed/read-feed.ts'

/** How a page ends: its cursors, and what they give to its tag. */
export interface Ending {
  readonly bytes: Uint8Array
  readonly fingerprint: Fingerprint
}

type Positioned = Pick<FeedPage, 'next' | 'top' | 'gap' | 'source'>

/** Seals what pages say of where to go on, and reads it from requests; each is good for one feed and one reader only. */
export interface Endings {
  of(page: Positioned, feedName: string, viewerId: string): Ending | Promise<Ending>
  /** The position in `next_cursor` or `top_cursor`. Throws `bad-cursor`. */
  cursorOf(text: string, feedName: string, viewerId: string): Promise<Cursor>
  /** The stretch in `gap_cursor`. Throws `bad-cursor`. */
  gapOf(text: string, feedName: string, viewerId: string): Promise<Gap>
}

/** What sealed cursors may take of an isolate's memory (bytes): readers ask for the same page again and again. */
const MAX_BYTES = 1024 * 1024

export function createEndings(signingKey: Promise<SigningKey>): Endings {
  const known = createMemo<Ending>(MAX_BYTES)

  async function seal(name: string, { next, top, gap, source }: Positioned, feedName: string, viewerId: string): Promise<Ending> {
    const key = await signingKey
    const position = async (cursor: Cursor | undefined) => (cursor ? encodeCursor(key, feedName, viewerId, cursor) : null)
    const sealedNext = await position(next)
    const isAuthor = source === 'author' // whose page nobody asks what came since, or what a gap holds
    const ending = written({
      next: sealedNext,
      top: isAuthor ? null : top === next ? sealedNext : await position(top),
      gap: gap !== undefined,
      gapCursor: gap && !isAuthor ? await encodeGap(key, feedName, viewerId, gap) : null,
      source,
    })
    known.set(name, ending, ending.bytes.length)
    return ending
  }

  return {
    of(page, feedName, viewerId) {
      const { next, top, gap, source } = page
      if (!next && !top && !gap) return written({ next: null, gap: false, gapCursor: null, top: null, source })
      const stretch = gap ? `${gap.below} ${gap.above} ${gap.anchor}` : ''
      const name = `${feedName} ${viewerId} ${source} ${nameOf(next)} ${top === next ? '=' : nameOf(top)} ${stretch}`
      return known.get(name) ?? seal(name, page, feedName, viewerId)
    },
    cursorOf: async (text, feedName, viewerId) => sound(await decodeCursor(await signingKey, feedName, viewerId, text)),
    gapOf: async (text, feedName, viewerId) => sound(await decodeGap(await signingKey, feedName, viewerId, text)),
  }
}

const nameOf = (cursor: Cursor | undefined): string => (cursor ? `${cursor.last} ${cursor.anchor} ${cursor.sum} ${cursor.until ?? ''}` : '')

const written = (end: PageEnd): Ending => {
  const bytes = pageEnd(end)
  return { bytes, fingerprint: fingerprintOf(`${end.next ?? ''}|${end.top ?? ''}|${end.gap}|${end.gapCursor ?? ''}|${end.source}`) }
}

function sound<T>(value: T | undefined): T {
  if (value === undefined) throw new Problem('bad-cursor', 'The cursor is damaged, or belongs to another feed or another reader.')
  return value
}
