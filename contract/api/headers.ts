import {
  AGE_HEADER,
  COMPLETENESS_HEADER,
  DEGRADED_HEADER,
  REPLAYED_HEADER,
  REQUEST_ID_HEADER,
  VERSION_COOKIE,
  VERSION_HEADER,
} from '../headers.ts'

/** What answers say in their headers, with an example each. */
export const HEADERS = {
  etag: ['Changes when the body does; send it back as `If-None-Match`.', '"5f3a9c0b1d2e4f60"'],
  'cache-control': [
    'How long a copy may be kept: public documents say what is left of 2 s, personal ones `private, no-cache`.',
    'public, max-age=1',
  ],
  'cache-status': [
    'Which layer answered (RFC 9211): `tideline-l1` is the memory of the isolate, `tideline-l2` is Redis. `detail` counts the parts of each.',
    'tideline-l1; hit; detail="memory=4 shared=0 origin=0 stale=0"',
  ],
  'server-timing': [
    'What the request waited for, in milliseconds: in all, then each wait for Redis (`l2`) or the origin, in order.',
    'total;dur=12, l2;dur=9;desc="from 1 ms, 4 keys"',
  ],
  [AGE_HEADER]: [
    'How old the answer is: milliseconds since the oldest part of it was last read from Redis, verified with it, or loaded.',
    '640',
  ],
  [COMPLETENESS_HEADER]: ['`complete`, or `incomplete` where something may be missing; the reason stands beside.', 'complete'],
  [DEGRADED_HEADER]: [
    'Why the answer may be less than it should be, comma-separated; absent when nothing is wrong. `l2-unavailable`: may be older than 2 s. `origin-unavailable`: a load failed, something older was used. `stale`: something is beyond its end and within its grace. `incomplete`: the list of a crowded author could not be had. `timeline-behind`: your last follow does not show yet. `unproven`: something that is not public was withheld, because it could not be proved that you may see it. `mine-unknown`: what you liked and reposted is not marked.',
    'origin-unavailable, stale',
  ],
  [VERSION_HEADER]: ['A token: send it with your next reads, and they show this write. It matters for 5 minutes.', 'eyJ2IjoxLCJleHAiOjE3…'],
  'set-cookie': [
    'The same token for browsers of the same site, which send it back by themselves.',
    `${VERSION_COOKIE}=eyJ2IjoxLCJleHAiOjE3…; Path=/; HttpOnly`,
  ],
  [REPLAYED_HEADER]: ['`true` where a repeated `Idempotency-Key` was answered from what the first request did.', 'true'],
  [REQUEST_ID_HEADER]: ['Names this request; a problem repeats it as `instance`.', '7d9f2a7e-6a0c-4f8e-9b55-0d5f5b0f5c11'],
  'retry-after': ['Seconds to wait before trying again.', '1'],
  'www-authenticate': ['How to authenticate (RFC 6750).', 'Bearer error="invalid_token"'],
} as const satisfies Record<string, readonly [description: string, example: string]>

export type HeaderName = keyof typeof HEADERS

const SPELLED: Readonly<Record<string, string>> = { etag: 'ETag', 'www-authenticate': 'WWW-Authenticate' }

/** A header's name as people write it. */
export const spelled = (name: string): string => SPELLED[name] ?? name.replace(/(?<=^|-)[a-z]/g, (letter) => letter.toUpperCase())
