import { afterAll, beforeAll, expect, test } from 'vitest'
import { wrongAnswers } from '../support/crawl/answers.ts'
import { everyValue, leaksIn } from '../support/crawl/shared-keys.ts'
import { live, startCrawled } from '../support/crawl/stage.ts'
import type { Stack } from '../support/stack.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)

let stack: Stack
beforeAll(async () => {
  stack = await startCrawled()
}, 60_000)
afterAll(() => stack?.stop())

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'nothing leaks into L2 or an answer in random history %i',
  async (nth) => {
    const { truth, askers } = await live(stack, SEED + nth, 600)
    expect(leaksIn(await everyValue(stack.redis.url, 'tideline:'), truth)).toEqual([])
    const { leaks, lacks } = await wrongAnswers({ isolates: stack.urls, askers, truth })
    expect(leaks).toEqual([])
    expect(lacks).toEqual([])
  },
  300_000,
)
