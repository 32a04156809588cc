import { databaseIdentity } from './data.ts'
import type { StartOptions } from './options.ts'
import { pickPorts, pickQuietPort } from './ports.ts'
import type { Say } from './progress.ts'
import { assertUsableRedis } from './redis-server.ts'
import { type DevState, keyPrefixOf, newSecrets, readState } from './state.ts'

/** All that can be known before anything runs; the database's url waits for its password. */
export interface Plan {
  readonly state: Omit<DevState, 'databaseUrl'>
  readonly ports: Readonly<Record<'postgres' | 'redis' | 'facade' | 'inspector', number>>
}

/** Chooses ports, keeps or makes secrets, and asks a database or Redis of the caller's own whether it is there. */
export async function planStack(options: StartOptions, say: Say): Promise<Plan> {
  if (options.redisUrl) await assertUsableRedis(options.redisUrl)
  const identity = options.databaseUrl ? await databaseIdentity(options.databaseUrl) : 'ours'
  const last = await readState(options.stateDir)
  const { jwtSecret, edgeSecret, signingSecret, l2Token } = last ?? newSecrets()
  const secrets = { jwtSecret, edgeSecret, signingSecret, l2Token }
  const { worker, origin } = await pickPorts({ worker: options.port, origin: options.originPort }, say)
  const ports = {
    postgres: await pickQuietPort(options.databaseUrl ? undefined : last?.databaseUrl),
    redis: await pickQuietPort(options.redisUrl ? undefined : last?.redisUrl),
    facade: await pickQuietPort(last?.l2Url),
    inspector: await pickQuietPort(),
  }
  const url = (port: number) => `http://127.0.0.1:${port}`
  return {
    ports,
    state: {
      ...secrets,
      crowdFloor: Math.ceil(options.crowdThreshold / 4),
      keyPrefix: keyPrefixOf(secrets, identity),
      redisUrl: options.redisUrl?.href ?? `redis://127.0.0.1:${ports.redis}`,
      l2Url: url(ports.facade),
      workerUrl: url(worker),
      originUrl: url(origin),
      pid: process.pid,
    },
  }
}
