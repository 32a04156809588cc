import { mulberry32 } from '../random.ts'
import type { Client } from '../stack.ts'

interface Churn {
  readonly seed: number
  readonly people: readonly Client[]
  readonly isolates: readonly string[]
  /** A service's token, which suspends accounts. */
  readonly serviceToken: string
  /** Writes in all, by so many hands at a time. */
  readonly writes: number
  readonly hands: number
}

/**
 * A random history of people who post for all or for followers, follow, ask, accept, remove, mute, block, go private, are suspended, and like,
 * while everybody, and nobody we know, reads everything in every isolate: fills race with what takes their truth away. One account is deleted.
 */
export async function churn({
  people,
  isolates,
  seed,
  serviceToken,
  writes,
  hands,
}: Churn): Promise<{ readonly done: number; readonly refused: number }> {
  const random = mulberry32(seed)
  const oneOf = <T>(some: readonly T[]): T => some[Math.floor(random() * some.length)] as T
  const posts: { readonly id: string; readonly by: Client }[] = []
  let done = 0
  let refused = 0

  async function send(
    token: string | undefined,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly id?: string } | undefined> {
    const headers = {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    const response = await fetch(oneOf(isolates) + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
    const text = await response.text()
    if (method === 'GET') return undefined
    if (response.ok) done++
    else refused++
    return response.ok && text !== '' ? (JSON.parse(text) as { readonly id?: string }) : undefined
  }
  const onUser = (method: string, what: string) => (me: Client) => {
    const other = oneOf(people.filter((one) => one !== me))
    return send(me.token, method, `/v1/${what.replace('{}', other.id)}`)
  }
  async function post(me: Client): Promise<void> {
    const made = await send(me.token, 'POST', '/v1/posts', {
      text: `${me.id} says ${done}`,
      audience: random() < 0.4 ? 'followers' : 'public',
    })
    if (made?.id) posts.push({ id: made.id, by: me })
  }
  const onPost =
    (method: string, what: string, mine = false) =>
    (me: Client) => {
      const some = mine ? posts.filter(({ by }) => by === me) : posts
      return some.length === 0 ? undefined : send(me.token, method, `/v1/posts/${oneOf(some).id}${what}`)
    }
  const setPrivate = (to: boolean) => (me: Client) => send(me.token, 'PUT', `/v1/users/${me.id}/privacy`, { private: to })
  const setSuspended = (to: boolean) => (me: Client) => send(serviceToken, 'PUT', `/v1/users/${me.id}/suspension`, { suspended: to })
  const acts: readonly (readonly [weight: number, act: (me: Client) => Promise<unknown> | undefined])[] = [
    [8, post],
    [3, onPost('POST', '/repost')],
    [1, onPost('DELETE', '/repost')],
    [1, onPost('DELETE', '', true)],
    [2, onPost('POST', '/like')],
    [1, onPost('DELETE', '/like')],
    [5, onUser('POST', 'users/{}/follow')],
    [2, onUser('DELETE', 'users/{}/follow')],
    [3, onUser('PUT', 'follow-requests/{}')],
    [1, onUser('DELETE', 'follow-requests/{}')],
    [1, onUser('DELETE', 'followers/{}')],
    [1, onUser('POST', 'users/{}/mute')],
    [1, onUser('DELETE', 'users/{}/mute')],
    [1, onUser('POST', 'users/{}/block')],
    [2, onUser('DELETE', 'users/{}/block')],
    [1, setPrivate(true)],
    [1, setPrivate(false)],
    [0.7, setSuspended(true)],
    [1.5, setSuspended(false)],
  ]
  const total = acts.reduce((sum, [weight]) => sum + weight, 0)
  function drawn(): (me: Client) => Promise<unknown> | undefined {
    let at = random() * total
    for (const [weight, act] of acts) {
      at -= weight
      if (at < 0) return act
    }
    return post
  }
  /** A reading by anybody of anything. */
  async function read(): Promise<void> {
    const reader = random() < 0.2 ? undefined : oneOf(people)
    const what = random()
    if (what < 0.4 && reader) await send(reader.token, 'GET', '/v1/feed/following')
    else if (what < 0.7 || posts.length === 0) await send(reader?.token, 'GET', `/v1/users/${oneOf(people).id}/posts`)
    else await send(reader?.token, 'GET', `/v1/posts/${oneOf(posts).id}`)
  }

  let left = writes
  await Promise.all(
    Array.from({ length: hands }, async () => {
      while (left-- > 0) await Promise.all([drawn()(oneOf(people)), read(), read(), read()])
    }),
  )
  const [someone] = people
  if (someone) await send(someone.token, 'DELETE', `/v1/users/${someone.id}`)
  return { done, refused }
}
