import { databaseIdentity } from './data.ts'
import type { StartOptions } from './options.ts'
import { pickPorts } from './ports.ts'
import type { Say } from './progress.ts'
import { assertUsableRedis } from './redis-server.ts'
import { type DevState, keyPrefixOf, newSecrets, readState } from './state.ts'

/** Where those listen whom nobody asks for by number. */
const PORTS = { Postgres: 54_318, Redis: 63_790, façade: 8_079, inspector: 9_230 }

/** All that can be known before anything runs; the database's url waits for its password. */
export interface Plan {
  readonly state: Omit<DevState, 'databaseUrl'>
  readonly ports: Readonly<Record<'worker' | 'origin' | keyof typeof PORTS, number>>
  /** Followers from which on an author is a candidate for the crowd: the origin's own rule, a quarter. */
  readonly crowdFloor: number
}

/** Chooses ports, keeps or makes secrets, and asks a database or Redis of the caller's own whether it is there. */
export async function planStack(options: StartOptions, say: Say): Promise<Plan> {
  if (options.redisUrl) await assertUsableRedis(options.redisUrl)
  const identity = options.databaseUrl ? await databaseIdentity(options.databaseUrl) : 'ours'
  const { jwtSecret, edgeSecret, signingSecret, l2Token } = (await readState(options.stateDir)) ?? newSecrets()
  const secrets = { jwtSecret, edgeSecret, signingSecret, l2Token }
  const ports = await pickPorts({ worker: options.port, origin: options.originPort, ...PORTS }, say)
  const url = (port: number) => `http://127.0.0.1:${port}`
  return {
    ports,
    crowdFloor: Math.ceil(options.crowdThreshold / 4),
    state: {
      ...secrets,
      keyPrefix: keyPrefixOf(secrets, identity),
      redisUrl: options.redisUrl?.href ?? `redis://127.0.0.1:${ports.Redis}`,
      l2Url: url(ports.façade),
      workerUrl: url(ports.worker),
      originUrl: url(ports.origin),
      pid: process.pid,
    },
  }
}
