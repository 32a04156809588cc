import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chooseRedis } from '../../dev/redis-server.ts'
import type { Run } from '../../dev/redis-stand-in/command.ts'
import { strings } from '../../dev/redis-stand-in/commands/strings.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { type Player, serverPlayer, standInPlayer } from '../support/redis-dialect/players.ts'
import { digestsOf, readRecorded, recordedSequences } from '../support/redis-dialect/recorded.ts'
import { anySequence } from '../support/redis-dialect/sequences.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const RUNS = process.env.TIDELINE_LONG_TESTS ? 50_000 : 1_000
/** The dialect the stand-in speaks; servers of other versions differ in texts. */
const DIALECT = /^7\.0\./

const recorded = await readRecorded()

test(`the stand-in answers random commands, programs and scripts as Redis ${recorded.redis} was recorded to, byte for byte`, async () => {
  const digests = await digestsOf(await standInPlayer())
  const differing = digests.flatMap((digest, index) => (digest === recorded.digests[index] ? [] : [index]))
  expect(differing, `the first: ${JSON.stringify(recordedSequences()[differing[0] ?? 0])}`).toEqual([])
})

const real = await startReal()
if (typeof real === 'string') console.log(`${real}: the stand-in is compared with the recorded answers of Redis ${recorded.redis} only`)
else {
  describe('next to the real Redis of this machine', () => {
    let live: ReturnType<typeof serverPlayer>
    let standIn: Player
    beforeAll(async () => {
      live = serverPlayer(real.port)
      standIn = await standInPlayer()
    })
    afterAll(async () => {
      live?.close()
      await real.stop()
    })

    test('it answers the same, byte for byte, and holds the same in the end', async () => {
      const same = fc.asyncProperty(anySequence, async (steps) => {
        expect(await standIn(steps)).toBe(await live.play(steps))
      })
      await fc.assert(same, { seed: SEED, numRuns: RUNS })
    }, 600_000)

    test('the recorded answers are its own', async () => {
      expect(await digestsOf(live.play)).toEqual(recorded.digests)
    })
  })
}

/** A Redis of the dialect we compare with, or why there is none. */
async function startReal(): Promise<TestRedis | string> {
  const program = await chooseRedis('real').catch(() => undefined)
  if (!program) return 'no redis-server on the PATH'
  const redis = await startRedis({ program })
  const version = await redis.version()
  if (DIALECT.test(version)) return redis
  await redis.stop()
  return `the Redis on the PATH is ${version}`
}

const wholeAsInLua53 = (text = '') => (/^\d+$/.test(text) ? `${text}.0` : text)
const broken: readonly (readonly [rule: string, name: string, breakIt: (run: Run) => Run])[] = [
  ['APPEND answers the length of before', 'append', (run) => (args, context) => Number(run(args, context)) - (args[1] ?? '').length],
  ['GETRANGE leaves out the last byte', 'getrange', (run) => (args, context) => String(run(args, context)).slice(0, -1)],
  [
    'SET does not heed NX',
    'set',
    (run) => (args, context) =>
      run(
        args.filter((arg) => arg.toUpperCase() !== 'NX'),
        context,
      ),
  ],
  [
    'whole numbers look as in Lua 5.3',
    'set',
    (run) =>
      ([key = '', ...args], context) =>
        run([key, ...args.map(wholeAsInLua53)], context),
  ],
]

test.for(broken)('a stand-in is caught when %s', async ([, name, breakIt]) => {
  const command = strings[name]
  if (!command || 'subcommands' in command) throw new Error(`${name} is no command`)
  const enough = 150
  const play = await standInPlayer({ [name]: { ...command, run: breakIt(command.run) } })
  expect(await digestsOf(play, enough)).not.toEqual(recorded.digests.slice(0, enough))
})
