import { expect, test } from 'vitest'
import { decodeList, decodeMarks } from '../../../../contract/l2/codec.ts'
import { decodePostValue } from '../../../../contract/l2/post-value.ts'
import { decodeRelation } from '../../../../contract/l2/relation-value.ts'
import { decodeUserValue } from '../../../../contract/l2/user-value.ts'
import { AUTHOR_LIST_CAP, hasMoreForFollowers, MARKS_CAP, MAX_HIDDEN } from '../../../../contract/timeline.ts'
import type { EntryRow } from '../../../../origin/db/entries.ts'
import type { PostRow } from '../../../../origin/db/posts.ts'
import type { ViewerRow } from '../../../../origin/db/viewers.ts'
import * as payloads from '../../../../origin/timelines/payloads.ts'

const id = (n: number): string => String(1_500_000_000_000_000_000n + BigInt(n))
const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => id(count - i))

const post: PostRow = {
  id: BigInt(id(1)),
  authorId: BigInt(id(2)),
  text: 'a secret',
  rootId: null,
  rootAuthorId: null,
  version: 3,
  deleted: false,
  audience: 'public',
  visibilityVersion: 4,
  withdrawn: false,
}
const viewer: ViewerRow = {
  viewerId: BigInt(id(1)),
  viewVersion: 5,
  followVersion: 6,
  marksVersion: 7,
  enrolled: true,
  completeSince: 0n,
  deleted: false,
}
const user = { id: BigInt(id(1)), handle: 'ada', name: 'Ada', version: 8, private: false, suspended: false, deleted: false }

test('the public key of a post names only its author where not everybody may see it, and nothing where nobody may', () => {
  const kinds = (change: Partial<PostRow>) =>
    (['public', 'followers'] as const).map((audience) => {
      const { truth, payload } = payloads.postValue({ ...post, ...change }, audience)
      expect(truth).toBe(7)
      return decodePostValue(payload ?? '')
    })
  const body = (audience: string) => ({
    kind: 'post',
    authorId: id(2),
    json: `{"id":"${id(1)}","text":"a secret","created_at":"2022-03-05T06:47:23.309Z","audience":"${audience}"}`,
  })
  expect(kinds({})).toEqual([body('public'), body('public')])
  expect(kinds({ audience: 'followers' })).toEqual([{ kind: 'not-public', authorId: id(2) }, body('followers')])
  for (const nobody of [{ deleted: true }, { withdrawn: true }, { audience: 'followers', deleted: true } as const])
    expect(kinds(nobody)).toEqual([{ kind: 'gone' }, { kind: 'gone' }])
  const repost = { text: null, rootId: BigInt(id(9)), rootAuthorId: BigInt(id(8)) }
  const pointer = { kind: 'repost', authorId: id(2), rootId: id(9), rootAuthorId: id(8) }
  expect(kinds(repost)).toEqual([pointer, pointer])
  expect(kinds({ ...repost, audience: 'followers' })[0]).toEqual({ kind: 'not-public', authorId: id(2) })
})

test('an account is open, private or suspended, and absent once it is deleted', () => {
  const visibility = (change: Partial<typeof user>) => {
    const { truth, payload } = payloads.userValue({ ...user, ...change })
    expect(truth).toBe(8)
    return payload === null ? null : decodeUserValue(payload)?.visibility
  }
  expect(decodeUserValue(payloads.userValue(user).payload ?? '')?.json).toBe(`{"id":"${id(1)}","handle":"ada","name":"Ada"}`)
  expect([visibility({}), visibility({ private: true }), visibility({ private: true, suspended: true })]).toEqual([
    'open',
    'private',
    'suspended',
  ])
  expect(visibility({ private: true, suspended: true, deleted: true })).toBeNull()
})

test('whom a viewer hides is told as long as there is room, blocks first, and beyond it that there are more', () => {
  const state = (muted: number, blocked: number, change: Partial<ViewerRow> = {}) => {
    const made = payloads.viewerValue({ ...viewer, ...change }, [id(3)], {
      viewerId: id(1),
      muted: ids(muted),
      blocked: ids(blocked),
      followsNobody: muted === 1,
    })
    expect(made.truth).toBe(5)
    return made.payload === null ? null : JSON.parse(made.payload)
  }
  expect(state(1, 1)).toEqual({ followVersion: 6, left: [id(3)], muted: [id(1)], blocked: [id(1)], followsNobody: true })
  const full = state(MAX_HIDDEN - 10, 10)
  expect([full.muted.length, full.blocked.length, full.many]).toEqual([MAX_HIDDEN - 10, 10, undefined])
  const over = state(MAX_HIDDEN, 10)
  expect([over.muted.length, over.blocked.length, over.many]).toEqual([MAX_HIDDEN - 10, 10, true])
  const blocked = state(2, 2 * MAX_HIDDEN)
  expect([blocked.muted.length, blocked.blocked.length, blocked.many]).toEqual([0, MAX_HIDDEN, true])
  expect(state(1, 1, { deleted: true })).toBeNull()
})

test('a block or mute is told, whether or not there is a follow; one follows oneself; nobody follows who is gone', () => {
  const row = { viewerId: id(1), authorId: id(2), viewVersion: 5, standing: true, follows: false, muted: false, blocked: false }
  const relation = (change: Partial<typeof row>) => {
    const { truth, payload } = payloads.relationValue({ ...row, ...change })
    expect(truth).toBe(5)
    return payload === null ? null : decodeRelation(payload)
  }
  expect([relation({}), relation({ follows: true }), relation({ authorId: id(1) })]).toEqual([
    { as: 'stranger', muted: false },
    { as: 'follower', muted: false },
    { as: 'follower', muted: false },
  ])
  for (const follows of [true, false])
    expect([relation({ follows, muted: true }), relation({ follows, blocked: true })]).toEqual([
      { as: follows ? 'follower' : 'stranger', muted: true },
      { as: 'blocked', muted: false },
    ])
  expect(relation({ follows: true, standing: false })).toBeNull()
})

test('the public list says that followers may see more by naming its author, and a cut raises where it is complete', () => {
  const author = { authorId: BigInt(id(2)), postVersion: 9, deleted: false, hasForFollowers: true }
  const rows = ids(AUTHOR_LIST_CAP + 1).map((activityId): EntryRow => ({ activityId, actorId: id(2), audience: 'public' }))
  const list = (change: Partial<typeof author>, audience: 'public' | 'followers') => {
    const { truth, payload } = payloads.authorValue({ ...author, ...change }, audience, rows)
    expect(truth).toBe(9)
    return payload === null ? null : decodeList(payload, AUTHOR_LIST_CAP)
  }
  const told = list({}, 'public')
  expect([told?.entries.length, told?.completeSince, told && hasMoreForFollowers(told)]).toEqual([AUTHOR_LIST_CAP, id(1), true])
  expect([list({ hasForFollowers: false }, 'public')?.candidates, list({}, 'followers')?.candidates]).toEqual([[], []])
  expect(list({ deleted: true }, 'public')).toBeNull()
})

test('marks are those of the newest posts of both kinds together, and say from where on they are all', () => {
  const marks = (liked: string[], reposted: string[]) => {
    const { truth, payload } = payloads.marksValue(viewer, { liked, reposted })
    expect(truth).toBe(7)
    return decodeMarks(payload ?? '')
  }
  expect(marks([id(2)], [id(2), id(1)])).toEqual({ completeSince: '0', liked: [id(2)], reposted: [id(2), id(1)] })
  const [all, cut] = [ids(MARKS_CAP), ids(MARKS_CAP + 1)]
  expect(marks(all, all)).toEqual({ completeSince: '0', liked: all, reposted: all })
  expect(marks(cut, [id(1)])).toEqual({ completeSince: id(1), liked: all.map((_, i) => id(MARKS_CAP + 1 - i)), reposted: [] })
})
