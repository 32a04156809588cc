import type { Profile } from '../post.ts'

/**
 * The people and posts of the examples. The people are of the demo graph, so that their lines work after `npm start`; posts are minted by the
 * clock and cannot be. test/real/openapi.test.ts makes all of them and sends each example.
 */
export const PRIYA: Profile = { id: '1912537899492966722', handle: 'priya.varga', name: 'Priya Varga' }
/** Reposted Priya's post; the caller follows her. */
export const HANA: Profile = { id: '1833927399322943662', handle: 'hana.petit', name: 'Hana Petit' }
/** Whose token the examples of users send. */
export const CALLER: Profile = { id: '1900585220415947052', handle: 'ada.arden', name: 'Ada Arden' }
/** Whom the service creates. */
export const NEWCOMER: Profile = { id: '2124080000000000001', handle: 'sam.okafor', name: 'Sam Okafor' }

/** Priya's. */
export const POST = {
  id: '2124083525098407887',
  text: 'Two rules I live by: leave ten minutes earlier, and label the cables.',
  created_at: '2026-11-21T10:12:30.604Z',
} as const
/** Hana's, of Priya's post. */
export const REPOST_ID = '2124084000000000000'
/** The caller's own, which they delete. */
export const OWN_POST = { id: '2124082000000000000', text: 'Never mind.' } as const

/** Shown where an answer carries a cursor: a real one is longer. */
export const CURSOR = 'eyJ2IjoxLCJsYXN0IjoiMjEyNDA4MzUyNTA5ODQwNzg4NyIs…'
