/**
 * The value of `po:`: a post's body without anything of the viewer, a repost's pointer, a tombstone, or under the key of the public audience
 * the word that this is not public, with no content. Text of a post is kept as the JSON the page will contain, so that the edge joins pages
 * without parsing or serialising a body.
 *
 *   'p' author(19) JSON object   |   'r' author(19) root(19) root author(19)   |   'n' author(19)   |   'x'
 */
export type PostValue =
  | { readonly kind: 'post'; readonly authorId: string; readonly json: string }
  | { readonly kind: 'repost'; readonly authorId: string; readonly rootId: string; readonly rootAuthorId: string }
  | { readonly kind: 'not-public'; readonly authorId: string }
  | { readonly kind: 'gone' }

export function encodePostValue(value: PostValue): string {
  switch (value.kind) {
    case 'post':
      return `p${value.authorId}${value.json}`
    case 'repost':
      return `r${value.authorId}${value.rootId}${value.rootAuthorId}`
    case 'not-public':
      return `n${value.authorId}`
    case 'gone':
      return 'x'
  }
}

export function decodePostValue(text: string): PostValue | undefined {
  if (text === 'x') return { kind: 'gone' }
  if (text[0] === 'p' && text.length > 20) return { kind: 'post', authorId: text.slice(1, 20), json: text.slice(20) }
  if (text[0] === 'n' && text.length === 20) return { kind: 'not-public', authorId: text.slice(1) }
  if (text[0] === 'r' && text.length === 58) {
    return { kind: 'repost', authorId: text.slice(1, 20), rootId: text.slice(20, 39), rootAuthorId: text.slice(39) }
  }
  return undefined
}
