/** A line of a page, as a client sees it. */
export interface Line {
  readonly activityId: string
  readonly postId: string
  readonly authorId: string
  /** Who reposted; undefined for the post itself. */
  readonly repostedBy: string | undefined
  readonly text: string
  readonly liked: boolean
  readonly reposted: boolean
  /** The first of those who reposted, as far as the reader may see them. */
  readonly reposters: readonly string[]
}

export interface Page {
  readonly lines: readonly Line[]
  /** Opaque; null where the history ends. */
  readonly next: string | null
  /** Opaque: what came since is asked for with it. */
  readonly top: string | null
  /** Opaque: what was left out is asked for with it. */
  readonly gap: string | null
  readonly source: 'following' | 'popular' | 'author'
  readonly degraded: readonly string[]
}

/** What a request came to. `unknown`: no answer, so it may have been done or not. */
export type Outcome<T> =
  | { readonly is: 'done'; readonly value: T }
  | { readonly is: 'refused'; readonly why: string }
  | { readonly is: 'unavailable'; readonly why: string }
  | { readonly is: 'unknown' }

/** What a client keeps between its requests: the version token, opaque. */
export type Token = string | undefined

/** Where a page is asked from: the top, the `next` of a page, its `top`, or its `gap`. */
export type From = { readonly at: 'top' } | { readonly at: 'next' | 'since' | 'gap'; readonly cursor: string }

export interface Ask {
  /** The isolate that answers. */
  readonly isolate: number
  readonly from: From
  readonly limit: number
  readonly token: Token
}

export type Write =
  | { readonly does: 'post'; readonly who: string; readonly text: string; readonly audience: 'public' | 'followers' }
  | { readonly does: 'repost' | 'undo' | 'delete' | 'like' | 'unlike'; readonly who: string; readonly post: string }
  | {
      readonly does: 'follow' | 'unfollow' | 'accept' | 'mute' | 'unmute' | 'block' | 'unblock'
      readonly who: string
      readonly whom: string
    }
  /** The first two by the account itself, the others by a service. */
  | { readonly does: 'go private' | 'go public' | 'suspend' | 'reinstate' | 'delete account'; readonly who: string }

/** What goes wrong, or changes, beside what people do. Milliseconds. Each takes effect at once. */
export type Trouble =
  | { readonly does: 'restart isolate'; readonly isolate: number }
  | { readonly does: 'lose keys'; readonly share: number }
  | { readonly does: 'flush Redis' }
  | { readonly does: 'replica lag'; readonly ms: number }
  | { readonly does: 'Redis down'; readonly ms: number }
  | { readonly does: 'Redis restarts'; readonly from: number }
  | { readonly does: 'origin down'; readonly ms: number }
  | { readonly does: 'Postgres slow'; readonly ms: number }
  | { readonly does: 'kill origin process'; readonly steps: number; readonly backMs: number }
  | { readonly does: 'late fan-out'; readonly what: 'cut' | 'push'; readonly ms: number }
  | { readonly does: 'clock steps'; readonly ms: number }

/** Who the history is about and what is there before it begins. */
export interface Setup {
  readonly people: readonly string[]
  readonly follows: readonly (readonly [viewer: string, author: string])[]
  /** Posts from before, oldest first. */
  readonly posts: readonly { readonly who: string; readonly text: string; readonly agoMs: number }[]
}

/** A system that a history is played on: the twins, or the real parts. */
export interface Driver {
  /** The ids of what was set up. */
  setUp(setup: Setup): Promise<{ readonly people: readonly string[]; readonly posts: readonly string[] }>
  nowMs(): number
  sleep(ms: number): Promise<void>
  /** Resolves with the id that was made, if any, and the client's new token. `requested`: a follow that waits to be accepted. */
  write(
    write: Write,
    token: Token,
  ): Promise<Outcome<{ readonly id: string | undefined; readonly requested: boolean; readonly token: Token }>>
  feed(viewer: string, ask: Ask): Promise<Outcome<Page>>
  /** A reader of undefined is nobody we know. */
  author(author: string, reader: string | undefined, ask: Ask): Promise<Outcome<Page>>
  post(post: string, reader: string | undefined, ask: Pick<Ask, 'isolate' | 'token'>): Promise<Outcome<Line>>
  /** Resolves when it is over, with whether anything may have been late or unavailable meanwhile. */
  trouble(trouble: Trouble): Promise<boolean>
  /** How many isolates answer reads. */
  readonly isolates: number
}
