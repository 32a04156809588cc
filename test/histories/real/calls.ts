import type { Write } from '../driver.ts'

/** A write as a request. */
export interface WriteCall {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  /** Sent with the token of a service, not of the person. */
  readonly byService?: true
}

export function callOf(write: Write): WriteCall {
  switch (write.does) {
    case 'post':
      return { method: 'POST', path: '/v1/posts', body: { text: write.text, audience: write.audience } }
    case 'repost':
      return { method: 'POST', path: `/v1/posts/${write.post}/repost` }
    case 'undo':
      return { method: 'DELETE', path: `/v1/posts/${write.post}/repost` }
    case 'delete':
      return { method: 'DELETE', path: `/v1/posts/${write.post}` }
    case 'like':
      return { method: 'POST', path: `/v1/posts/${write.post}/like` }
    case 'unlike':
      return { method: 'DELETE', path: `/v1/posts/${write.post}/like` }
    case 'follow':
    case 'mute':
    case 'block':
      return { method: 'POST', path: `/v1/users/${write.whom}/${write.does}` }
    case 'unfollow':
    case 'unmute':
    case 'unblock':
      return { method: 'DELETE', path: `/v1/users/${write.whom}/${write.does.slice(2)}` }
    case 'accept':
      return { method: 'PUT', path: `/v1/follow-requests/${write.whom}` }
    case 'go private':
    case 'go public':
      return { method: 'PUT', path: `/v1/users/${write.who}/privacy`, body: { private: write.does === 'go private' } }
    case 'suspend':
    case 'reinstate':
      return { method: 'PUT', path: `/v1/users/${write.who}/suspension`, body: { suspended: write.does === 'suspend' }, byService: true }
    case 'delete account':
      return { method: 'DELETE', path: `/v1/users/${write.who}`, byService: true }
  }
}
