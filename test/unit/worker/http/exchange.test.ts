import { expect, test } from 'vitest'
import { openExchange } from '../../../../worker/http/exchange.ts'
import { pageSize, queryOf } from '../../../../worker/http/request.ts'
import { createTally } from '../../../../worker/http/tally.ts'

const exchangeOf = (url: string) =>
  openExchange({
    request: new Request(url),
    context: { waitUntil() {} },
    startedAtMs: 0,
    requestId: '',
    tally: createTally(),
    origin: undefined,
  })

test.each([
  ['https://api.example/v1/posts/1', '/v1/posts/1', ''],
  ['http://127.0.0.1:8787/', '/', ''],
  ['https://api.example/v1/feed/following?limit=20', '/v1/feed/following', 'limit=20'],
  ['https://api.example/v1/feed/following?', '/v1/feed/following', ''],
  ['https://api.example/a%2Fb?c=//d?e', '/a%2Fb', 'c=//d?e'],
])('%s has the path %s and the query "%s"', (url, path, query) => {
  expect(exchangeOf(url)).toMatchObject({ path, query })
})

test.each([
  '',
  'limit=20',
  'limit=',
  'limit',
  'cursor=a.b-_c',
  'cursor=a%2Eb',
  'limit=2&cursor=x',
  'limit=1&limit=2',
  'a=b=c',
  'limit=+5',
  '%6cimit=3',
])('a parameter of "%s" is what the URL standard says', (query) => {
  const url = `https://api.example/v1/feed/following?${query}`
  for (const name of ['limit', 'cursor']) expect(queryOf(exchangeOf(url), name)).toBe(new URL(url).searchParams.get(name))
})

test.each(['0', '101', '-1', '1.5', '1e1', ' 5', '', '0x1', '1000'])('limit "%s" is refused', (limit) => {
  expect(() => pageSize(exchangeOf(`https://api.example/?limit=${encodeURIComponent(limit)}`))).toThrow('limit is a whole number')
})
