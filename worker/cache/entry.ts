/** Until when a value may be used, and what its load cost. All moments are absolute epoch milliseconds: copying never extends a life. */
export interface Lifetime {
  readonly softExpiresAtMs: number
  readonly hardExpiresAtMs: number
  readonly graceEndsAtMs: number
  /** What the load cost (milliseconds), for X-Fetch. */
  readonly deltaMs: number
}

/** A value as the shared tier stores it. `payload` is text, or null for a remembered absence. */
export interface Stored {
  readonly life: Lifetime
  /** Counter of the row that owns the key: a reader may insist on a least one. */
  readonly truth: number
  /** Raised by every write to the key. */
  readonly stamp: number
  readonly payload: string | null
}

/** A decoded value as an isolate holds it. */
export interface Held<V> {
  readonly value: V | null
  readonly life: Lifetime
  readonly truth: number
  readonly stamp: number
  /** When the read or load that brought it began (epoch milliseconds): memory trusts it for its max age from then on. */
  readonly verifiedAtMs: number
  /** Before this moment memory answers without another thought (epoch milliseconds); 0 until memory keeps it. */
  readonly quietUntilMs: number
  /** Memory has let go of it, or has another in its place. */
  readonly gone?: boolean
}

/** How long values of a kind live, in milliseconds from the start of their load. */
export interface Lifetimes {
  readonly softMs: number
  readonly hardMs: number
  readonly graceMs: number
  /** How long an absence is remembered: soft and hard at once, without grace. */
  readonly absentMs: number
}

/** A key that knows what is stored behind it. */
export interface Key<V> {
  readonly text: string
  readonly lifetimes: Lifetimes
  /** The value in a payload, or undefined for text it does not know, which is then a miss. */
  decode(payload: string): V | undefined
  /** What the value weighs in memory (bytes). */
  sizeOf(value: V): number
  /**
   * `optional`: nobody waits for its load alone; a reader who waits for nothing else goes without, and it is loaded behind the answer.
   * `proof`: memory answers for no longer than its max age whatever happens: where the shared tier cannot confirm it, it is loaded, and fails
   * where that fails.
   */
  readonly need?: 'optional' | 'proof'
}
