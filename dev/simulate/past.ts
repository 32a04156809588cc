import { firstIdAt } from '../../contract/ids.ts'
import type { DemoPost } from '../../origin/db/seed.ts'
import { mulberry32 } from '../random.ts'
import { textOf } from '../seed-texts.ts'
import { drawer } from './chance.ts'
import { postingWeight } from './model.ts'

export interface Past {
  readonly seed: number
  readonly nowMs: number
  readonly posts: number
  readonly authors: readonly { readonly id: string; readonly followers: number }[]
}

const DAYS_MS = 5 * 86_400_000
const NEWEST_AGE_MS = 60_000
const REPOST_SHARE = 0.12
/** Reposts are of one of so many newest posts: half of them follow within the hour (Kwak, Lee, Park and Moon, WWW 2010). */
const RECENT = 500

/** Posts of the last five days by a graph's authors, oldest first, denser towards now: what an imported graph lacks. */
export function pastPosts({ seed, nowMs, posts: count, authors }: Past): DemoPost[] {
  const random = mulberry32(seed)
  const drawAuthor = drawer(authors.map(({ followers }) => postingWeight(followers)))
  const agesMs = Float64Array.from({ length: count }, () => NEWEST_AGE_MS + DAYS_MS * random() ** 1.5).sort()
  const posts: DemoPost[] = []
  const roots: DemoPost[] = []
  const reposted = new Set<string>()
  for (const [index, ageMs] of agesMs.reverse().entries()) {
    const authorId = BigInt(authors[drawAuthor(random())]?.id ?? 0)
    const id = firstIdAt(Math.floor(nowMs - ageMs)) | BigInt(index % 4_096)
    const root = random() < REPOST_SHARE ? roots[roots.length - 1 - Math.floor(random() * Math.min(RECENT, roots.length))] : undefined
    if (root && !reposted.has(`${authorId} ${root.id}`)) {
      reposted.add(`${authorId} ${root.id}`)
      posts.push({ id, authorId, text: null, root: { id: root.id, authorId: root.authorId } })
    } else {
      const post: DemoPost = { id, authorId, text: textOf(random), root: null }
      roots.push(post)
      posts.push(post)
    }
  }
  return posts
}
