import { createClient } from 'redis'
import { decodeIds, decodeList, decodeMarks } from '../../../contract/l2/codec.ts'
import { decodeCounts } from '../../../contract/l2/counts-value.ts'
import { isBeatKey, leaseKeyOf, type ParsedKey, parseKey } from '../../../contract/l2/keys.ts'
import { decodePostValue } from '../../../contract/l2/post-value.ts'
import { decodeRelation } from '../../../contract/l2/relation-value.ts'
import { decodeUserValue } from '../../../contract/l2/user-value.ts'
import { decodeValue } from '../../../contract/l2/value.ts'
import { POPULAR_CAP, TIMELINE_CAP } from '../../../contract/timeline.ts'
import type { Truth } from './truth.ts'

/** Everything that L2 holds under a prefix, straight from Redis. Leases and heartbeats hold nothing of anybody. */
export async function everyValue(redisUrl: string, prefix: string): Promise<ReadonlyMap<string, string | null>> {
  const client = createClient({ url: redisUrl })
  await client.connect()
  try {
    const values = new Map<string, string | null>()
    for await (const names of client.scanIterator({ MATCH: `${prefix}*`, COUNT: 500 })) {
      for (const name of names) {
        const key = name.slice(prefix.length)
        if (isBeatKey(key) || key.startsWith(leaseKeyOf(''))) continue
        const text = await client.get(name)
        if (text !== null) values.set(key, decodeValue(text)?.payload ?? null)
      }
    }
    return values
  } finally {
    client.destroy()
  }
}

/** What values of L2 hold that is not for whom their key names: one line each. A remembered absence holds nothing. */
export const leaksIn = (values: ReadonlyMap<string, string | null>, truth: Truth): string[] =>
  [...values].flatMap(([key, payload]) => {
    const parsed = parseKey(key)
    if (!parsed) return [`${key} is no key of ours`]
    if (payload === null) return []
    return leaksOf(parsed, payload, truth).map((leak) => `${key} ${leak}`)
  })

const UNREADABLE = ['cannot be read']

/**
 * Follows of an account that is deleted go in the background and nobody is told: proofs of them end after a minute, timelines name its posts
 * for a day. Readers look at `us:`.
 */
const isGone = (truth: Truth, id: string): boolean => truth.accounts.get(id)?.deleted !== false

function leaksOf(key: ParsedKey, payload: string, truth: Truth): string[] {
  switch (key.kind) {
    case 'post': {
      const value = decodePostValue(payload)
      if (!value) return UNREADABLE
      if (value.kind === 'gone' || value.kind === 'not-public') return []
      const audience = truth.audienceOf(key.id)
      if (audience === 'nobody') return [`holds what nobody may see (${value.kind})`]
      if (key.audience === 'public' && audience !== 'public') return [`holds what only followers may see (${value.kind})`]
      return value.authorId === truth.activities.get(key.id)?.authorId ? [] : [`names ${value.authorId} as its author`]
    }
    case 'author': {
      const list = decodeList(payload, TIMELINE_CAP)
      if (!list) return UNREADABLE
      return list.entries.flatMap(({ activityId, actorId }) => {
        const audience = truth.audienceOf(activityId)
        if (actorId !== key.id) return [`names ${activityId} by ${actorId}`]
        if (key.audience === 'public' && audience === 'followers') return [`names ${activityId}, which only followers may see`]
        return audience === 'nobody' ? [`names ${activityId}, which nobody may see`] : []
      })
    }
    case 'merged':
    case 'timeline': {
      const list = decodeList(payload, TIMELINE_CAP)
      if (!list) return UNREADABLE
      const isOf = (authorId: string) =>
        truth.follows(key.id, authorId) || truth.left(key.id, authorId) || authorId === key.id || isGone(truth, authorId)
      return list.entries.flatMap(({ activityId, actorId }) => (isOf(actorId) ? [] : [`names ${activityId} by ${actorId}, never followed`]))
    }
    case 'popular': {
      const list = decodeList(payload, POPULAR_CAP)
      if (!list) return UNREADABLE
      return list.entries.flatMap(({ activityId }) =>
        truth.audienceOf(activityId) === 'public' ? [] : [`names ${activityId}, which is not public`],
      )
    }
    case 'viewer': {
      const { left, muted = [], blocked = [] } = JSON.parse(payload) as Record<string, readonly string[]>
      return [
        ...(left ?? []).flatMap((id) => (truth.left(key.id, id) ? [] : [`says that ${id} was left`])),
        ...muted.flatMap((id) => (truth.muted(key.id, id) ? [] : [`says that ${id} is muted`])),
        ...blocked.flatMap((id) => (truth.blocked(key.id, id) ? [] : [`says that ${id} is blocked`])),
        ...[...truth.accounts.keys()].flatMap((id) =>
          truth.blocked(key.id, id) && !blocked.includes(id) ? [`does not say that ${id} is blocked`] : [],
        ),
        ...[...truth.accounts.keys()].flatMap((id) =>
          truth.muted(key.id, id) && !muted.includes(id) ? [`does not say that ${id} is muted`] : [],
        ),
      ]
    }
    case 'relation': {
      const relation = decodeRelation(payload)
      if (!relation) return UNREADABLE
      if (isGone(truth, key.id) || isGone(truth, key.authorId)) return []
      const isBlocked = truth.blocked(key.id, key.authorId)
      if (relation.as === 'follower' && !truth.follows(key.id, key.authorId) && key.id !== key.authorId)
        return ['proves a follow that is not there']
      if (relation.as !== 'blocked' && isBlocked) return [`says ${relation.as} of who is blocked`]
      return relation.muted || !truth.muted(key.id, key.authorId) ? [] : ['does not say that it is muted']
    }
    case 'user': {
      const value = decodeUserValue(payload)
      const account = truth.accounts.get(key.id)
      if (!value) return UNREADABLE
      if (!account || account.deleted) return ['holds the profile of an account that is gone']
      const visibility = account.suspended ? 'suspended' : account.private ? 'private' : 'open'
      return value.visibility === visibility ? [] : [`says ${value.visibility} of an account that is ${visibility}`]
    }
    case 'marks': {
      const marks = decodeMarks(payload)
      return marks ? marks.liked.flatMap((id) => (truth.likes(key.id, id) ? [] : [`says that ${id} is liked`])) : UNREADABLE
    }
    case 'counts':
      return decodeCounts(payload) ? [] : UNREADABLE
    case 'crowd':
      return decodeIds(payload) ? [] : UNREADABLE
  }
}
