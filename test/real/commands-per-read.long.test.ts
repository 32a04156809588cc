import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type Client, type Stack, startStack } from '../support/stack.ts'

const READERS = 40
const AUTHORS = 50
const POSTS = 4

let stack: Stack
let readers: Client[] = []
beforeAll(async () => {
  stack = await startStack({ isolates: 4 })
  const ids = await makeUsers(stack.db, AUTHORS + READERS)
  const [authorIds, readerIds] = [ids.slice(0, AUTHORS), ids.slice(AUTHORS)]
  await makeFollows(
    stack.db,
    readerIds.flatMap((reader) => authorIds.map((author) => [reader, author] as const)),
  )
  for (const author of await Promise.all(authorIds.map((id) => stack.client(id)))) {
    for (let i = 0; i < POSTS; i++) {
      const response = await author.fetch('/v1/posts', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"text":"a post"}',
      })
      expect(response.status).toBe(201)
    }
  }
  readers = await Promise.all(readerIds.map((id) => stack.client(id)))
}, 60_000)
afterAll(() => stack?.stop())

const loads = () => stack.events.filter(({ type }) => type === 'load').length

/** What one read costs Redis and the origin when each reader reads every `pauseMs`, wandering over four isolates. */
async function costOfReading(rounds: number, pauseMs: number) {
  const before = loads()
  stack.facade.stats.reset()
  const startedAtMs = performance.now()
  for (let round = 0; round < rounds; round++) {
    await sleep(pauseMs) // readers do pause
    await Promise.all(
      readers.map(async (reader, i) => {
        const response = await reader.fetch('/v1/feed/following', { isolate: i + round })
        await response.arrayBuffer()
        expect(response.status).toBe(200)
      }),
    )
  }
  await sleep(500) // what runs behind the answers
  const beats = (performance.now() - startedAtMs) / 1_000
  const perRead = (count: number) => Number((count / (rounds * READERS)).toFixed(2))
  return { commands: perRead(stack.facade.stats.commands - beats), loads: perRead(loads() - before) }
}

test('a read costs Redis one to four commands: the figures of docs/deploy.md', async () => {
  const first = await costOfReading(1, 0)
  const often = await costOfReading(5, 2_200)
  const seldom = await costOfReading(2, 35_000)
  process.stdout.write(`${JSON.stringify({ first, often, seldom }, undefined, 2)}\n`)
  expect(often.commands).toBeLessThan(2)
  expect(seldom.commands).toBeLessThan(5)
}, 240_000)
