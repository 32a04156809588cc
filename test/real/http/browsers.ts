import { expect, test } from 'vitest'
import { ALLOWED, FEED, post, type World } from './world.ts'

const STRANGE = 'https://evil.example'

/** What browsers may do (CORS), by the list of allowed origins. */
export function browsers(world: () => World): void {
  test('an allowed origin may read what is answered, another may not; caches keep them apart', async () => {
    const { author, reader } = await world().pair()
    for (const [origin, allowed] of [
      [ALLOWED, ALLOWED],
      [STRANGE, null],
      [`${ALLOWED}.evil.example`, null],
      ['null', null],
    ] as const) {
      const answers = await Promise.all([
        reader.fetch(FEED, { headers: { origin } }),
        reader.fetch(FEED, { headers: { origin, 'if-none-match': '*' } }),
        reader.fetch('/nowhere', { headers: { origin } }),
        reader.fetch(`${FEED}?limit=0`, { headers: { origin } }),
        post(author, { text: 'from a browser' }, { origin }),
      ])
      expect(answers.map(({ status }) => status)).toEqual([200, 304, 404, 400, 201])
      for (const { headers } of answers) {
        expect(headers.get('access-control-allow-origin'), origin).toBe(allowed)
        expect(headers.get('vary')).toContain('Origin')
      }
    }
  })

  test('what our headers say is exposed to the page that asked', async () => {
    const { reader } = await world().pair()
    const { headers } = await reader.fetch(FEED, { headers: { origin: ALLOWED } })
    expect(headers.get('access-control-allow-credentials')).toBe('true')
    const exposed = headers.get('access-control-expose-headers')?.split(',')
    expect(exposed).toEqual(expect.arrayContaining(['etag', 'cache-status', 'server-timing', 'retry-after', 'location']))
    expect(exposed).toEqual(
      expect.arrayContaining(['tideline-version', 'tideline-age', 'tideline-degraded', 'idempotency-replayed', 'tideline-request-id']),
    )
  })

  test('a preflight needs no token and allows exactly the methods and headers that are used', async () => {
    const ask = (origin: string) =>
      fetch(`${world().stack.urls[0]}/v1/posts`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
      })
    const { status, headers } = await ask(ALLOWED)
    expect(status).toBe(204)
    expect(headers.get('access-control-allow-origin')).toBe(ALLOWED)
    expect(headers.get('access-control-allow-methods')).toBe('GET,HEAD,POST,PUT,DELETE')
    expect(headers.get('access-control-allow-headers')).toBe('authorization,content-type,idempotency-key,if-none-match,tideline-version')
    expect(headers.get('access-control-max-age')).toBe('600')
    expect((await ask(STRANGE)).headers.get('access-control-allow-origin')).toBeNull()
  })
}
