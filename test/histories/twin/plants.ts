/**
 * Bugs that can be planted, one at a time: each takes away or turns round one rule of the real system. The histories must find every one
 * (test/histories/planted.ts).
 */
export const PLANTS = {
  'lost push': 'a push reaches all but one viewer of its chunk and is marked',
  'fill overwrites push': 'a fill does not merge what was pushed while it loaded',
  'done before push': 'a chunk is marked as pushed before it is',
  'delete leaves the lease': 'an invalidation drops the value and not the lease',
  'memory inherits the shared life': 'L1 trusts a value for as long as L2 keeps it',
  'promotion without announcement': 'an author over the threshold is pulled at once',
  'backfill inside the follow': "the follow's own transaction copies the history",
  'cleanup after refollow': 'rows of an unfollowed author are removed later, whether or not the follow stands again',
  'floor ignored': 'the merge goes below what its sources hold completely',
  'tie dropped': 'a cursor names a moment and drops what else was minted in it',
  'fold by page': 'folding looks no further up than the page',
  'cut by arrival': 'a trim keeps what arrived last, not what is newest',
  'cursor of another viewer': 'a cursor is not bound to its viewer',
  'no replay': 'nothing is replayed after Redis came back with old data',
  'follow state not filtered': 'entries of authors the viewer left are shown until the timeline is filled again',
  'pushed is fresh': 'the lease takes a pushed value for a fresh one, whatever truth the reader insists on',
  'invalidation lost in a crash': 'an invalidation is no row of its transaction',
  'token ignored': 'reads do not insist on what the version token names',
  'rebuild before enrolment': 'a returning viewer is rebuilt before fan-out knows of them',
  'hidden by what is gone': 'a newer line hides a root though it was deleted',
  'history unfolded': 'below the caches reposts are not folded',
  'history ends early': 'the scroll ends with the caches',
  'relation not checked': 'whoever has a body that is not public is believed to follow its author',
  'mutes not filtered': 'what is muted is shown in feeds',
  'no sweep': 'bodies stay as they were when an account becomes less or more visible',
  'crowd left too soon': 'an author leaves the crowd while timelines from before the demotion live',
  'fills are rows alone': 'a fill does not look for hot posts, nor for those that were pulled before a demotion',
  'present for too short': 'a viewer counts as present for a shorter time than a timeline lives',
  'promotion of the unknown': 'an author is announced while timelines stand that do not know them as a candidate',
} as const
export type Plant = keyof typeof PLANTS

/** Is this bug planted? */
export type Has = (plant: Plant) => boolean
