import { type Context, Hono } from 'hono'
import { parseJson, readBody } from '../../contract/body.ts'
import { SIGNATURE_HEADER } from '../../contract/headers.ts'
import { parseKey } from '../../contract/l2/keys.ts'
import { idsMeaning, postMeaning, userMeaning, viewerMeaning } from '../../contract/l2/meaning.ts'
import { encodeRelation } from '../../contract/l2/relation-value.ts'
import { digestOf, type EdgeLooked, LOOK_PATH, lookRequestSchema, MAX_LOOK_ENTRIES } from '../../contract/look.ts'
import { Problem } from '../../contract/problem.ts'
import { verifyRequest } from '../../contract/signature.ts'
import type { SigningKey } from '../../contract/signed.ts'
import type { EntryList } from '../../contract/timeline.ts'
import type { Key } from '../cache/entry.ts'
import type { SharedTier } from '../cache/ports.ts'
import type { ReadThrough } from '../cache/read-through.ts'
import type { FeedKeys } from '../feed/keys.ts'
import type { WorkerEnv } from '../http/request.ts'

export interface LookParts {
  readonly keys: FeedKeys
  readonly read: Pick<ReadThrough, 'peek'>
  readonly shared: Pick<SharedTier, 'read'>
  /** Shared with the origin, which signs the question. */
  readonly edgeKey: Promise<SigningKey>
  readonly clock: { nowMs(): number }
}

/** The longest question (bytes). */
const MAX_BODY_BYTES = 16_384

/**
 * What this isolate would answer for keys, told to the origin's consistency monitor: from memory where that would answer without a thought, else
 * from L2. It loads nothing, keeps nothing, and hands out no content but the ids of a list's entries.
 */
export function lookRoutes({ keys, read, shared, edgeKey, clock }: LookParts): Hono<WorkerEnv> {
  async function look(c: Context<WorkerEnv>): Promise<Response> {
    const signature = c.req.header(SIGNATURE_HEADER)
    const body = await readBody(c.req.raw, MAX_BODY_BYTES)
    const request = { method: 'POST', target: LOOK_PATH, body }
    const caller = signature === undefined ? undefined : await verifyRequest(await edgeKey, request, signature, clock.nowMs())
    // To strangers there is nothing here.
    if (!caller) throw new Problem('not-found', `There is no ${LOOK_PATH} here.`)
    const { keys: asked } = parseJson(c.req.header('content-type'), body, lookRequestSchema)
    const looks = asked.flatMap((text) => lookOf(keys, text) ?? [])
    return c.json({ values: await answer(looks) }, 200, { 'cache-control': 'no-store' })
  }

  async function answer(looks: readonly Look[]): Promise<EdgeLooked[]> {
    const nowMs = clock.nowMs()
    const inMemory = looks.map(({ key }) => read.peek(key))
    const others = looks.filter((_, i) => !inMemory[i])
    const stored = others.length > 0 ? await shared.read(others.map(({ key }) => key)) : []
    const inL2 = new Map(others.map(({ key }, i) => [key, stored[i]]))
    return Promise.all(
      looks.map(({ key, ofMemory, ofL2 }, i) => {
        const held = inMemory[i]
        if (held) return told(key, 'memory', held.value === null ? undefined : ofMemory(held.value), held.truth, nowMs - held.verifiedAtMs)
        const there = inL2.get(key)
        const isDead = !there || there.payload === null || there.life.graceEndsAtMs <= nowMs
        return told(key, 'shared', isDead ? undefined : ofL2(there.payload), there?.truth ?? 0, 0)
      }),
    )
  }

  const routes = new Hono<WorkerEnv>()
  routes.post(LOOK_PATH, look)
  return routes
}

/** What is compared: a text, or a list. */
type Said = string | EntryList

/** A key, and what a value of it says. */
interface Look {
  readonly key: string
  ofMemory(value: unknown): Said
  /** Undefined for what readers could not read either. */
  ofL2(payload: string): Said | undefined
}

const lookAt = <V>(key: Key<V>, says: (value: V) => Said): Look => ({
  key: key.text,
  ofMemory: (value) => says(value as V), // memory holds under a key what its `decode` made
  ofL2(payload) {
    const value = key.decode(payload)
    return value === undefined ? undefined : says(value)
  },
})

const decoder = new TextDecoder()

function lookOf(keys: FeedKeys, text: string): Look | undefined {
  const parsed = parseKey(text)
  switch (parsed?.kind) {
    case 'timeline':
      return lookAt(keys.timeline(parsed.id), (list) => list)
    case 'author':
      return lookAt(keys.author(parsed.id, parsed.audience), (list) => list)
    case 'viewer':
      return lookAt(keys.viewer(parsed.id), viewerMeaning)
    case 'post':
      return lookAt(keys.post(parsed.id, parsed.audience), (post) =>
        postMeaning(post.kind === 'post' ? { ...post, json: decoder.decode(post.json) } : post),
      )
    case 'user':
      return lookAt(keys.user(parsed.id), (account) => userMeaning({ ...account, json: decoder.decode(account.json) }))
    case 'relation':
      return lookAt(keys.relation(parsed.id, parsed.authorId), encodeRelation)
    case 'crowd':
      return lookAt(keys.crowd(), idsMeaning)
    default:
      return undefined
  }
}

async function told(key: string, layer: 'memory' | 'shared', said: Said | undefined, truth: number, ageMs: number): Promise<EdgeLooked> {
  if (said === undefined) return { key, layer: 'none', truth, ageMs, digest: null, list: null }
  if (typeof said === 'string') return { key, layer, truth, ageMs, digest: await digestOf(said), list: null }
  const { entries, completeSince } = said
  const newest = entries.slice(0, MAX_LOOK_ENTRIES).map(({ activityId, actorId }) => ({ activityId, actorId }))
  const since = entries.length > newest.length ? (newest.at(-1)?.activityId ?? completeSince) : completeSince
  return { key, layer, truth, ageMs, digest: null, list: { since, entries: newest } }
}
