import { mintedAtMs } from '../../../contract/ids.ts'
import { encodeIds, encodeList } from '../../../contract/l2/codec.ts'
import { parseKey } from '../../../contract/l2/keys.ts'
import { encodePostValue } from '../../../contract/l2/post-value.ts'
import type { PostRow, Tables } from './tables.ts'

export interface Row {
  readonly key: string
  readonly truth: number
  readonly payload: string | null
}

function postPayload({ id, authorId, text, root, deleted }: PostRow): string {
  if (deleted) return encodePostValue({ kind: 'gone' })
  if (root) return encodePostValue({ kind: 'repost', authorId, rootId: root.id, rootAuthorId: root.authorId })
  const json = JSON.stringify({ id, text, created_at: new Date(mintedAtMs(id)).toISOString() })
  return encodePostValue({ kind: 'post', authorId, json })
}

/** All keys of a request as of one instant: the twin of origin/timelines/load.ts. Viewers must have been enrolled and rebuilt. */
export function loadRows(tables: Tables, keys: readonly string[]): Row[] {
  return keys.map((key) => {
    const parsed = parseKey(key)
    const absent = { key, truth: 0, payload: null }
    switch (parsed?.kind) {
      case 'post': {
        const post = tables.posts.get(parsed.id)
        return post ? { key, truth: post.version, payload: postPayload(post) } : absent
      }
      case 'user': {
        const user = tables.users.get(parsed.id)
        return user ? { key, truth: user.version, payload: JSON.stringify({ id: parsed.id, handle: user.handle, name: user.handle }) } : absent
      }
      case 'viewer': {
        const viewer = tables.viewers.get(parsed.id)
        if (!viewer) return absent
        const { viewVersion, followVersion } = viewer
        return { key, truth: viewVersion, payload: JSON.stringify({ followVersion, left: tables.departuresOf(parsed.id) }) }
      }
      case 'timeline': {
        const viewer = tables.viewers.get(parsed.id)
        if (!viewer) return absent
        const candidates = tables.candidatesOf(parsed.id)
        return { key, truth: viewer.followVersion, payload: encodeList({ ...tables.timelineOf(parsed.id), candidates }) }
      }
      case 'author': {
        const author = tables.authors.get(parsed.id)
        return author ? { key, truth: author.postVersion, payload: encodeList({ ...tables.listOf(parsed.id), candidates: [] }) } : absent
      }
      case 'crowd': {
        const { version, authorIds } = tables.crowd()
        return { key, truth: version, payload: encodeIds(authorIds) }
      }
      default:
        return absent
    }
  })
}
