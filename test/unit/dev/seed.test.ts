import { describe, expect, test } from 'vitest'
import { isId, mintedAtMs } from '../../../contract/ids.ts'
import { handleSchema, newPostSchema } from '../../../contract/post.ts'
import { createDemo, DEMO_READER } from '../../../dev/seed.ts'

const nowMs = Date.UTC(2026, 10, 21)
const demo = createDemo({ seed: 1, nowMs })
const followersOf = new Map<bigint, number>()
for (const { followeeId } of demo.follows) followersOf.set(followeeId, (followersOf.get(followeeId) ?? 0) + 1)

describe('the demo graph', () => {
  test('is the same for the same seed and moment, and another for another seed', () => {
    expect(createDemo({ seed: 1, nowMs })).toEqual(demo)
    expect(createDemo({ seed: 2, nowMs }).posts).not.toEqual(demo.posts)
  })

  test('keeps its users when only the moment differs', () => {
    expect(createDemo({ seed: 1, nowMs: nowMs + 86_400_000 }).users).toEqual(demo.users)
  })

  test('has users, follows and posts that the contract allows, each once', () => {
    expect(demo.users).toHaveLength(500)
    expect(demo.posts).toHaveLength(2_000)
    for (const { id, handle } of demo.users) expect([isId(String(id)), handleSchema.safeParse(handle).success]).toEqual([true, true])
    for (const { text, root } of demo.posts) expect(root !== null || newPostSchema.safeParse({ text }).success).toBe(true)
    const distinct = (values: readonly unknown[]) => new Set(values).size === values.length
    expect(distinct(demo.users.map(({ id }) => id))).toBe(true)
    expect(distinct(demo.users.map(({ handle }) => handle))).toBe(true)
    expect(distinct(demo.posts.map(({ id }) => id))).toBe(true)
    expect(distinct(demo.follows.map(({ followerId, followeeId }) => `${followerId} ${followeeId}`))).toBe(true)
    expect(demo.follows.some(({ followerId, followeeId }) => followerId === followeeId)).toBe(false)
  })

  test('follows a power law: a few are followed by hundreds, most by a handful', () => {
    const counts = [...followersOf.values()].sort((a, b) => b - a)
    expect(demo.follows.length).toBeGreaterThan(5_500)
    expect(counts[0]).toBeGreaterThan(250)
    expect(counts.filter((count) => count >= 200).length).toBeGreaterThanOrEqual(2)
    expect(counts[250]).toBeLessThan(10)
  })

  test('has posts of the last days, oldest first, and reposts of earlier posts, each root once by each', () => {
    const ages = demo.posts.map(({ id }) => nowMs - mintedAtMs(String(id)))
    expect(ages).toEqual(ages.toSorted((a, b) => b - a))
    expect(Math.min(...ages)).toBeGreaterThanOrEqual(60_000)
    expect(Math.max(...ages)).toBeLessThanOrEqual(5 * 86_400_000)
    const reposts = demo.posts.flatMap(({ id, authorId, root }) => (root ? [{ id, authorId, root }] : []))
    expect(reposts.length).toBeGreaterThan(100)
    const authors = new Map(demo.posts.filter(({ root }) => root === null).map(({ id, authorId }) => [id, authorId]))
    for (const { id, root } of reposts) expect([root.id < id, authors.get(root.id)]).toEqual([true, root.authorId])
    expect(new Set(reposts.map(({ authorId, root }) => `${authorId} ${root.id}`)).size).toBe(reposts.length)
  })

  test('gives the reader of the curl lines crowded and small followees', () => {
    const reader = demo.users.find(({ handle }) => handle === DEMO_READER)
    const counts = demo.follows
      .filter(({ followerId }) => followerId === reader?.id)
      .map(({ followeeId }) => followersOf.get(followeeId) ?? 0)
    expect(counts).toHaveLength(40)
    expect(Math.max(...counts)).toBeGreaterThan(200)
    expect(Math.min(...counts)).toBeLessThan(50)
  })
})
