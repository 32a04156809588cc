import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import { chooseRedis, type RedisProgram } from '../../dev/redis-server.ts'
import { freePort } from './free-port.ts'

const START_DEADLINE_MS = 60_000

/** A Redis or Valkey server of the test's own, or the stand-in where `TIDELINE_REDIS` or the PATH says so, on the loopback, in a temporary folder. */
export type TestRedis = {
  readonly url: string
  readonly port: number
  readonly dir: string
  /** The server that runs now, or ran last. */
  readonly process: ChildProcess
  flush(): Promise<void>
  version(): Promise<string>
  /** Writes a snapshot, which `restart` loads again. */
  save(): Promise<void>
  /** SIGKILL by default. Waits for the end, except after SIGSTOP and SIGCONT. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** A new server on the same port and folder; one that still runs is killed first. */
  restart(): Promise<void>
  /** Ends the server and removes its folder. */
  stop(): Promise<void>
}

interface RedisOptions {
  /** Added to its command line, so they win over the defaults. */
  readonly args?: readonly string[]
  /** The one that `TIDELINE_REDIS` and the PATH choose, unless told otherwise. */
  readonly program?: RedisProgram
}

/** Starts a server that keeps everything in memory. */
export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const program = options.program ?? (await chooseRedis())
  const dir = await mkdtemp(join(tmpdir(), 'tideline-redis-'))
  const launch = (port: number) => launchServer(program, port, dir, options.args ?? [])
  const leaveNothing = () => {
    server.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
  let port = await freePort()
  let server = await launch(port)
    .catch(async () => {
      port = await freePort() // another process may have been faster; a second refusal has some other reason
      return launch(port)
    })
    .catch(async (error) => {
      await rm(dir, { recursive: true, force: true })
      throw error
    })
  const url = `redis://127.0.0.1:${port}`
  process.once('exit', leaveNothing)

  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    if (hasEnded(server)) return
    const ended = signal === 'SIGSTOP' || signal === 'SIGCONT' ? undefined : once(server, 'exit')
    server.kill(signal)
    await ended
  }
  return {
    url,
    port,
    dir,
    get process() {
      return server
    },
    flush: () => command(url, 'FLUSHALL').then(() => {}),
    version: async () => /redis_version:(\S+)/.exec(await command(url, 'INFO', 'server'))?.[1] ?? '',
    save: () => command(url, 'SAVE').then(() => {}),
    kill,
    restart: async () => {
      await kill()
      server = await launch(port)
    },
    stop: async () => {
      await kill()
      process.off('exit', leaveNothing)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function launchServer(program: RedisProgram, port: number, dir: string, args: readonly string[]): Promise<ChildProcess> {
  const defaults = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no']
  const server = spawn(program.command, [...program.args, ...defaults, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [server.stdout, server.stderr]) stream?.on('data', (chunk) => (output = `${output}${chunk}`.slice(-2_000)))

  const giveUpAtMs = performance.now() + START_DEADLINE_MS
  while (!(await answers(server, port))) {
    if (hasEnded(server) || performance.now() > giveUpAtMs) {
      server.kill('SIGKILL')
      throw new Error(`Redis, ${program.name}, did not start on port ${port}: ${output.trim().split('\n').at(-1)}`)
    }
    await sleep(5)
  }
  return server
}

/** Whether this very server answers PING: a foreign one on a port we lost would answer as well, but not with our process id. */
async function answers(server: ChildProcess, port: number): Promise<boolean> {
  const url = `redis://127.0.0.1:${port}`
  try {
    return (await command(url, 'PING')) === 'PONG' && (await command(url, 'INFO', 'server')).includes(`process_id:${server.pid}\r\n`)
  } catch {
    return false
  }
}

async function command(url: string, ...words: string[]): Promise<string> {
  const client = createClient({ url, socket: { reconnectStrategy: false } }).on('error', () => {})
  try {
    await client.connect()
    return String(await client.sendCommand(words))
  } finally {
    client.destroy()
  }
}

const hasEnded = (server: ChildProcess): boolean => server.exitCode !== null || server.signalCode !== null
