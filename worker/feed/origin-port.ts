import type { Entry } from '../../contract/entry.ts'

/** Lines from below what the caches hold, newest first: what the reader may see. */
export interface Older {
  /** Of a repost, `older` are the older reposts of its root that the reader may see, newest first. */
  readonly entries: readonly (Entry & { readonly older?: readonly Entry[] | undefined })[]
  /** The origin looked no further down than this id, though there are fewer lines than were asked for. */
  readonly reached?: string | undefined
}

/** What the feed asks the origin beside what the cache loads. Bounded in time; rejects when it cannot answer. */
export interface OriginPort {
  /** A viewer's feed below what the caches hold, or above an id too, already folded up to `anchor`. */
  older(ask: {
    readonly viewerId: string
    readonly below: string
    readonly above?: string | undefined
    readonly anchor: string
    readonly limit: number
  }): Promise<Older>
  /** An author's activities below what the cache holds: what everybody may see, or this viewer. */
  olderOfAuthor(ask: {
    readonly authorId: string
    readonly viewerId?: string | undefined
    readonly below: string
    readonly limit: number
  }): Promise<Older>
  /** Which of these posts the viewer liked and reposted. */
  marks(ask: { readonly viewerId: string; readonly postIds: readonly string[] }): Promise<{
    readonly liked: readonly string[]
    readonly reposted: readonly string[]
  }>
}
