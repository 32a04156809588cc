import { expect, test } from 'vitest'
import { mintedAtMs } from '../../../../contract/ids.ts'
import { newPostSchema } from '../../../../contract/post.ts'
import { pastPosts } from '../../../../dev/simulate/past.ts'

const nowMs = Date.UTC(2026, 10, 21)
const authors = Array.from({ length: 50 }, (_, place) => ({
  id: String(1_900_000_000_000_000_000n + BigInt(place)),
  followers: 50 - place,
}))
const posts = pastPosts({ seed: 1, nowMs, posts: 10_000, authors })

test('the past of a graph has posts with unique ids, oldest first, all before now and by its authors', () => {
  expect(posts).toHaveLength(10_000)
  const ids = posts.map(({ id }) => id)
  expect(ids.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
  expect(Math.max(...ids.map((id) => mintedAtMs(String(id))))).toBeLessThan(nowMs - 59_000)
  const known = new Set(authors.map(({ id }) => BigInt(id)))
  for (const { authorId, text, root } of posts) {
    expect(known.has(authorId)).toBe(true)
    expect(root !== null || newPostSchema.safeParse({ text }).success).toBe(true)
  }
})

test('some of it reposts an earlier post, nobody the same one twice', () => {
  const reposts = posts.filter(({ root }) => root !== null)
  expect(reposts.length).toBeGreaterThan(500)
  expect(new Set(reposts.map(({ authorId, root }) => `${authorId} ${root?.id}`)).size).toBe(reposts.length)
  const seen = new Set<bigint>()
  for (const { id, root } of posts) {
    if (root) expect(seen.has(root.id)).toBe(true)
    else seen.add(id)
  }
})
