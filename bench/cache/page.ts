/** A value of about 1 KB of JSON: one page of a feed. */
export interface Page {
  readonly key: string
  /** When its load ended (epoch milliseconds, with fractions). */
  readonly atMs: number
  /** What the load saw in the database, where the scenario has one. */
  readonly version: number
  readonly posts: readonly unknown[]
}

export const nowMs = (): number => performance.timeOrigin + performance.now()

export const pageOf = (key: string, version = 0): Page => ({
  key,
  atMs: nowMs(),
  version,
  posts: Array.from({ length: 5 }, (_, i) => ({
    id: String(1_780_234_567_890_001n + BigInt(i)),
    author_id: '123456',
    created_at: '2026-11-20T00:00:00Z',
    text: 'hello world '.repeat(6),
    likes: 100 + i,
  })),
})
