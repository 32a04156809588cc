import { expect, test } from 'vitest'
import { AGE_HEADER, DEGRADED_HEADER, REQUEST_ID_HEADER } from '../../../contract/headers.ts'
import { eventually } from '../../support/eventually.ts'
import { expectProblem } from '../../support/expect-problem.ts'
import { FEED, pageOf, postOf, type World, write } from './world.ts'

const PERSONAL = 'private, no-cache'
const MEMORY_MAX_AGE_MS = 2_000
const TWO_SECONDS = /^public, max-age=[012]$/

/** What the headers of a read say. */
export function reads(world: () => World): void {
  test('an unchanged page is 304 in any isolate, a changed one is 200 with a new tag', async () => {
    const { author, reader } = await world().pair()
    const first = await write(author, 'first')
    const tag = await eventually(async () => {
      const page = await reader.fetch(FEED)
      expect((await pageOf(page.clone())).posts.map(({ id }) => id)).toEqual([first.id])
      return page.headers.get('etag') ?? ''
    })
    expect(tag).toMatch(/^"[\w-]+"$/)
    for (const known of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const same = await reader.fetch(FEED, { isolate: 1, headers: { 'if-none-match': known } })
      expect(same.status, known).toBe(304)
      expect(await same.text()).toBe('')
      expect(same.headers.get('etag')).toBe(tag)
      expect(same.headers.get('cache-control')).toBe(PERSONAL)
      expect(same.headers.get('vary')).toContain('authorization')
    }
    const second = await write(author, 'second')
    await eventually(async () => {
      const changed = await reader.fetch(FEED, { headers: { 'if-none-match': tag } })
      expect(changed.status).toBe(200)
      expect(changed.headers.get('etag')).not.toBe(tag)
      expect((await pageOf(changed)).posts.map(({ id }) => id)).toEqual([second.id, first.id])
    })
  })

  test('the tag of a post changes with the name of its author', async () => {
    const { author, reader } = await world().pair()
    const { id } = await write(author, 'by any other name')
    const tag = (await reader.fetch(`/v1/posts/${id}`)).headers.get('etag') ?? ''
    expect((await reader.fetch(`/v1/posts/${id}`, { headers: { 'if-none-match': tag } })).status).toBe(304)
    const renamed = await fetch(`${world().stack.urls[0]}/v1/users/${author.id}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${world().service}`, 'content-type': 'application/json' },
      body: JSON.stringify({ handle: `renamed-${author.id}`, name: 'Renamed' }),
    })
    expect(renamed.status).toBe(200)
    await eventually(async () => {
      const changed = await reader.fetch(`/v1/posts/${id}`, { headers: { 'if-none-match': tag } })
      expect(changed.status).toBe(200)
      expect((await postOf(changed)).author.name).toBe('Renamed')
    })
  })

  test('what is answered to a user is private, what is answered to anybody else lasts two seconds at most', async () => {
    const { author, reader } = await world().pair()
    const { id, version } = await write(author, 'for everybody')
    const paths = [`/v1/posts/${id}`, `/v1/users/${author.id}/posts`]
    const said = ({ headers }: Response) => {
      expect(headers.get('vary')?.split(', ')).toEqual(['authorization', 'cookie', 'tideline-version', 'Origin'])
      return headers.get('cache-control')
    }
    expect(said(await author.fetch(FEED))).toBe(PERSONAL)
    for (const path of paths) {
      const anonymous = `${world().stack.urls[0]}${path}`
      expect(said(await fetch(anonymous))).toMatch(TWO_SECONDS)
      // Nobody's version token and cookie are of no use, and the answer is as public as before.
      expect(said(await fetch(anonymous, { headers: { 'tideline-version': version, cookie: 'a=b' } }))).toMatch(TWO_SECONDS)
      for (const token of [null, version, `${version}x`, 'garbage'])
        expect(said(await author.fetch(path, { version: token }))).toBe(PERSONAL)
      expect(said(await reader.fetch(path))).toBe(PERSONAL)
    }
  })

  test('public pages need no token', async () => {
    const { author } = await world().pair()
    const { id } = await write(author, 'open')
    const [url = ''] = world().stack.urls
    expect((await postOf(await fetch(`${url}/v1/posts/${id}`))).id).toBe(id)
    expect((await pageOf(await fetch(`${url}/v1/users/${author.id}/posts`))).posts).toHaveLength(1)
  })

  test('Cache-Status says which cache answered, Server-Timing what the reader waited for', async () => {
    // Again, with another author and post, should this machine be so busy that memory's two seconds pass in between.
    await eventually(async () => {
      const { author } = await world().pair()
      const { id } = await write(author, 'cold, warm, hot')
      const at = async (isolate: number) => {
        const { headers } = await fetch(`${world().stack.urls[isolate]}/v1/posts/${id}`)
        expect(headers.get(DEGRADED_HEADER)).toBeNull()
        return { status: headers.get('cache-status'), timing: headers.get('server-timing'), ageMs: Number(headers.get(AGE_HEADER)) }
      }
      const cold = await at(0)
      const hot = await at(0)
      const warm = await at(1)
      expect(cold.status).toMatch(/^tideline-l2; fwd=miss, tideline-l1; fwd=miss; detail="/)
      expect(cold.timing).toMatch(/^total;dur=\d+, l2;dur=\d+;desc="from \d+ ms, 1 key", origin;dur=\d+;desc="from \d+ ms, 1 key"(, |$)/)
      expect(hot.status).toMatch(/^tideline-l1; hit; detail="/)
      expect(hot.timing).toMatch(/^total;dur=\d+$/)
      expect(warm.status).toMatch(/^tideline-l2; hit, tideline-l1; fwd=miss; detail="/)
      expect(warm.timing).toMatch(/^total;dur=\d+(, l2;dur=\d+;desc="from \d+ ms, (1 key|2 keys)"){1,2}$/)
      for (const { ageMs } of [cold, hot, warm]) expect(ageMs).toBeLessThanOrEqual(MEMORY_MAX_AGE_MS)
      const aged = await eventually(async () => {
        const again = await at(0)
        expect(again.ageMs).toBeGreaterThan(cold.ageMs)
        return again
      })
      expect(aged.status).toMatch(/^tideline-l1; hit/)
    })
  })

  test('a problem says as well which cache answered', async () => {
    const { reader } = await world().pair()
    const missing = await fetch(`${world().stack.urls[0]}/v1/posts/1999999999999999998`)
    expect(missing.status).toBe(404)
    expect(missing.headers.get('cache-status')).toMatch(/detail="memory=0 shared=0 origin=1 stale=0"/)
    expect(missing.headers.get('server-timing')).toMatch(/^total;dur=\d+, l2;/)
    const refused = await reader.fetch(`${FEED}?limit=0`)
    expect(refused.status).toBe(400)
    expect(refused.headers.get('cache-status')).toBeNull()
  })

  test('HEAD answers what GET would, without the body', async () => {
    const { author, reader } = await world().pair()
    const { id } = await write(author, 'heads up')
    await eventually(async () => expect((await pageOf(await reader.fetch(FEED))).posts).toHaveLength(1))
    for (const path of [`/v1/posts/${id}`, FEED]) {
      const get = await reader.fetch(path)
      const head = await reader.fetch(path, { method: 'HEAD' })
      expect(head.status).toBe(200)
      expect(await head.text()).toBe('')
      for (const name of ['content-type', 'etag', 'vary']) expect(head.headers.get(name), name).toBe(get.headers.get(name))
      expect((await reader.fetch(path, { method: 'HEAD', headers: { 'if-none-match': get.headers.get('etag') ?? '' } })).status).toBe(304)
    }
  })

  test('every answer has a request id of its own, and a problem names it, at the edge and from the origin', async () => {
    const { author, reader } = await world().pair()
    const { id } = await write(author, 'named')
    const answers = await Promise.all([
      reader.fetch(`/v1/posts/${id}`),
      reader.fetch(`/v1/posts/${id}`, { headers: { [REQUEST_ID_HEADER]: 'mine' } }),
      reader.fetch('/nowhere'),
      reader.fetch(`/v1/posts/${id}`, { method: 'DELETE' }),
    ])
    const ids = answers.map(({ headers }) => headers.get(REQUEST_ID_HEADER))
    for (const one of ids) expect(one).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(new Set(ids).size).toBe(4)
    for (const [i, slug] of [
      [2, 'not-found'],
      [3, 'forbidden'],
    ] as const) {
      const answer = answers[i] ?? expect.fail('an answer is missing')
      expect((await expectProblem(answer, slug)).instance).toBe(ids[i])
    }
  })
}
