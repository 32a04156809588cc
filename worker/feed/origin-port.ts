import type { Entry } from '../../contract/entry.ts'

/** What the feed asks the origin beside what the cache loads. Bounded in time; rejects when it cannot answer. */
export interface OriginPort {
  /** A viewer's feed below what the caches hold, already folded up to `anchor`. */
  older(ask: {
    readonly viewerId: string
    readonly below: string
    readonly anchor: string
    readonly limit: number
  }): Promise<readonly Entry[]>
  /** An author's activities below what the cache holds. */
  olderOfAuthor(ask: { readonly authorId: string; readonly below: string; readonly limit: number }): Promise<readonly Entry[]>
  /** Which of these posts the viewer liked and reposted. */
  marks(ask: { readonly viewerId: string; readonly postIds: readonly string[] }): Promise<{
    readonly liked: readonly string[]
    readonly reposted: readonly string[]
  }>
}
