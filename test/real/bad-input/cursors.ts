import { beforeAll, expect, test } from 'vitest'
import { pageSchema } from '../../../contract/post.ts'
import { eventually } from '../../support/eventually.ts'
import { expectProblem } from '../../support/expect-problem.ts'
import type { Client } from '../../support/stack.ts'
import { refuses, type World } from './world.ts'

const FEED = '/v1/feed/following'
const NO_CURSORS = ['', '.', '..', 'a.b', 'a.b.c', 'null', '%', '🌊', '=', 'e30.e30', 'x'.repeat(4_000)]

const flip = (text: string, at: number): string => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
const at = (client: Client, path: string, cursor: string): Promise<Response> =>
  client.fetch(`${path}?limit=1&cursor=${encodeURIComponent(cursor)}`)

/** The cursor of page two, once there is one. */
const secondPage = (client: Client, path: string): Promise<string> =>
  eventually(async () => {
    const page = pageSchema.parse(await (await client.fetch(`${path}?limit=1`)).json())
    return page.next_cursor ?? expect.fail('the feed has one page only')
  })

/** Cursors that are damaged, forged or somebody else's. */
export function cursors(world: () => World): void {
  let ofFeed: string
  let ofAuthor: string
  const list = () => `/v1/users/${world().author.id}/posts`
  beforeAll(async () => {
    ofFeed = await secondPage(world().reader, FEED)
    ofAuthor = await secondPage(world().reader, list())
  })

  test('a good one goes on where it came from, and on a public list for everybody', async () => {
    expect((await at(world().reader, FEED, ofFeed)).status).toBe(200)
    expect((await at(world().author, list(), ofAuthor)).status).toBe(200)
  })
  test('with any one character changed: bad-cursor', async () => {
    for (let place = 0; place < ofFeed.length; place += 3) {
      await expectProblem(await at(world().reader, FEED, flip(ofFeed, place)), 'bad-cursor')
    }
    await expectProblem(await at(world().reader, FEED, flip(ofFeed, ofFeed.length - 1)), 'bad-cursor')
  })
  test('cut off anywhere: bad-cursor', async () => {
    const dot = ofFeed.indexOf('.')
    for (const length of [1, 2, 3, 4, 10, dot, dot + 1, dot + 20, ofFeed.length - 2, ofFeed.length - 1]) {
      await expectProblem(await at(world().reader, FEED, ofFeed.slice(0, length)), 'bad-cursor')
    }
  })
  refuses('of another viewer', 'bad-cursor', () => at(world().author, FEED, ofFeed))
  refuses("of an author's list, on the feed", 'bad-cursor', () => at(world().reader, FEED, ofAuthor))
  refuses("of the feed, on an author's list", 'bad-cursor', () => at(world().reader, list(), ofFeed))
  refuses('of another author', 'bad-cursor', () => at(world().reader, `/v1/users/${world().reader.id}/posts`, ofAuthor))
  refuses('that we signed, but as a version token', 'bad-cursor', () => at(world().author, FEED, world().versionToken))
  for (const text of NO_CURSORS) refuses(`"${text.slice(0, 20)}"`, 'bad-cursor', () => at(world().reader, FEED, text))
}
