import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { prepareData, type Reader } from './data.ts'
import type { Lifetime } from './lifetime.ts'
import type { Lock } from './lock.ts'
import type { StartOptions } from './options.ts'
import type { Plan } from './plan.ts'
import { startPostgres } from './postgres.ts'
import type { createProgress } from './progress.ts'
import { issueToken, untilReadable } from './ready.ts'
import { type RedisProgram, redisReady, startRedisServer } from './redis-server.ts'
import { launchOrigin, launchWorker, originReady, workerCrashed } from './services.ts'
import { type DevState, shown, writeState } from './state.ts'
import { createUpstashFacade } from './upstash-facade.ts'
import { welcome } from './welcome.ts'

const TOKEN_HOURS = 24
const COMPLAINT_DELAY_MS = 250

interface Parts {
  readonly options: StartOptions
  readonly plan: Plan
  /** Undefined where the caller brings a Redis. */
  readonly redisProgram: RedisProgram | undefined
  readonly life: Lifetime
  readonly lock: Lock
  readonly progress: ReturnType<typeof createProgress>
}

/**
 * Starts everything, each as soon as what it needs is there, and answers what to tell the caller once a feed can be read. The order
 * in which parts begin here is, reversed, that in which they stop.
 */
export async function bringUp({ options, plan, redisProgram, life, lock, progress }: Parts): Promise<string> {
  const say = (line: string) => life.signal.aborted || progress.say(line)
  const { stateDir } = options
  const logs = join(stateDir, 'logs')
  /** What parts complain of, unless it comes from the end of another one. */
  const complain = (line: string) => void setTimeout(say, COMPLAINT_DELAY_MS, line).unref()

  const endedByItself = (name: string, how: string) =>
    new Error(`${name} ended by itself (${how}); everything is stopped, see ${shown(logs)}`)

  interface Process {
    readonly pid: number
    readonly ended: Promise<string>
    stop(): Promise<void>
  }
  /** A process of ours: the next start knows it should we be killed, and should it end by itself, everything ends. */
  const run = <T extends Process>(name: string, mark: string, open: () => Promise<T>, stopSignal: 'SIGINT' | 'SIGTERM' = 'SIGTERM') =>
    life.start(async () => {
      const part = await open()
      part.ended.then((how) => life.end(endedByItself(name, how)))
      await lock.record({ name, pid: part.pid, mark, stopSignal }).catch((error) => life.end(error))
      return part
    })

  async function databaseUrl(): Promise<URL> {
    if (options.databaseUrl) return options.databaseUrl
    const log = createWriteStream(join(logs, 'postgres.log')).on('error', () => {})
    const open = () =>
      startPostgres({ dataDir: join(stateDir, 'postgres'), port: plan.ports.postgres, log: (line) => void log.write(`${line}\n`) })
    const { url } = await run('Postgres', 'postgres', open, 'SIGINT')
    say(`PostgreSQL 18 runs on 127.0.0.1:${plan.ports.postgres}`)
    return new URL(url)
  }
  async function redisUrl(): Promise<string> {
    if (!redisProgram) return plan.state.redisUrl
    const files = { dir: join(stateDir, 'redis'), logFile: join(logs, 'redis.log') }
    const open = () => startRedisServer({ program: redisProgram, port: plan.ports.redis, ...files })
    await redisReady(await run('Redis', redisProgram.mark, open))
    say(`Redis on 127.0.0.1:${plan.ports.redis}: ${redisProgram.name}`)
    return plan.state.redisUrl
  }
  async function prepare(): Promise<{ state: DevState; reader: Reader }> {
    const url = await database
    const reader = await prepareData(url, plan.state.crowdFloor, say)
    const state: DevState = { ...plan.state, databaseUrl: url.href }
    await writeState(stateDir, state)
    return { state, reader }
  }
  async function openFacade() {
    const facade = createUpstashFacade({ redisUrl: await redis, token: plan.state.l2Token })
    const { url } = await facade.listen(plan.ports.facade)
    say(`Redis speaks Upstash's REST dialect on ${url}`)
    return { stop: () => facade.close() }
  }
  async function openOrigin() {
    const [{ state }] = await Promise.all([data, facade])
    return launchOrigin({ state, stateDir, say: complain }, options.crowdThreshold)
  }

  const database = life.during(databaseUrl)
  const redis = life.during(redisUrl)
  const data = life.during(prepare)
  const facade = life.start(openFacade)
  const origin = run('the origin', 'origin/index.ts', openOrigin)
  const worker = run('the worker', 'wrangler.js', () => launchWorker({ state: plan.state, stateDir, say: complain }, plan.ports.inspector))

  workerCrashed(await worker).then(
    () => life.end(endedByItself('the worker', 'its runtime crashed')),
    () => {}, // it ended
  )
  await originReady(await origin)
  say(`the origin runs on ${plan.state.originUrl}`)
  const { state, reader } = await data
  const token = await issueToken(state.jwtSecret, { sub: reader.id }, TOKEN_HOURS)
  const posts = await untilReadable(state.workerUrl, token, life.signal)
  say(`the worker runs on ${state.workerUrl} and shows ${reader.handle} ${posts} posts`)
  return welcome({ options, state, stateDir, reader, token, redisName: redisProgram?.name, seconds: progress.seconds() })
}
