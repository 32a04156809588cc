/** An entry as the codec packs it; `contract/entry.ts` is the same shape. */
export interface PackedEntry {
  readonly activityId: string
  readonly actorId: string
  readonly audience: 'public' | 'followers'
  readonly root?: { readonly id: string; readonly authorId: string } | undefined
}

export interface PackedList {
  readonly completeSince: string
  readonly candidates: readonly string[]
  readonly entries: readonly PackedEntry[]
}

/** `contract/timeline.ts` has the same shape as Marks. */
export interface PackedMarks {
  readonly completeSince: string
  readonly liked: readonly string[]
  readonly reposted: readonly string[]
}
