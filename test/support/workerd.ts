import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from './eventually.ts'

/** A machine that starts many at once is slow (milliseconds). */
const READY_MS = 60_000
const WORKERD = fileURLToPath(new URL('../../node_modules/.bin/workerd', import.meta.url))

export interface Workerd {
  /** One URL per isolate. */
  readonly urls: readonly string[]
  readonly process: ChildProcess
  /** What the isolates logged. */
  log(): string
  stop(): Promise<void>
}

interface Options {
  /** The bundle of `wrangler deploy --dry-run`. */
  readonly bundle: string
  readonly bindings: Readonly<Record<string, string>>
  /** Isolates in this process: each has a memory of its own. */
  readonly isolates?: number
  /** What an isolate has beside those bindings. */
  readonly bindingsOf?: (isolate: number) => Readonly<Record<string, string>>
  readonly compatibilityFlags?: readonly string[]
}

/** Starts real workerd on loopback. Unlike `wrangler dev` it lets a worker feel that its client left. */
export async function startWorkerd({
  bundle,
  bindings,
  isolates = 1,
  bindingsOf = () => ({}),
  compatibilityFlags = [],
}: Options): Promise<Workerd> {
  const folder = await mkdtemp(join(tmpdir(), 'tideline-workerd-'))
  await copyFile(bundle, join(folder, 'index.js'))
  const numbers = Array.from({ length: isolates }, (_, isolate) => isolate)
  const textsOf = (isolate: number): string =>
    Object.entries({ ...bindings, ...bindingsOf(isolate) })
      .map(([name, text]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(text)})`)
      .join(', ')
  const workerOf = (isolate: number): string => `const worker${isolate} :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js")],
  compatibilityDate = "2026-10-01",
  compatibilityFlags = ${JSON.stringify(compatibilityFlags)},
  bindings = [ ${textsOf(isolate)} ]
);`
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ ${numbers.map((i) => `(name = "w${i}", worker = .worker${i})`).join(', ')}, (name = "internet", network = (allow = ["public", "private"])) ],
  sockets = [ ${numbers.map((i) => `(name = "s${i}", address = "127.0.0.1:0", http = (), service = "w${i}")`).join(', ')} ]
);
${numbers.map(workerOf).join('\n')}
`
  await writeFile(join(folder, 'config.capnp'), config)
  // It takes any ports, and tells them by its fourth stream: one that was free a moment ago may be somebody else's now.
  const child = spawn(WORKERD, ['serve', join(folder, 'config.capnp'), '--control-fd=3'], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  let log = ''
  let told = ''
  child.stdio[3]?.on('data', (data: Buffer) => (told += data))
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => (log += data))
  const killNow = () => void child.kill('SIGKILL')
  process.once('exit', killNow)
  const urls = await Promise.all(
    numbers.map((isolate) =>
      eventually(async () => {
        if (child.exitCode !== null) throw new Error(`workerd ended: ${log}`)
        const url = `http://127.0.0.1:${portIn(told, `s${isolate}`)}`
        const response = await fetch(`${url}/healthz`)
        if (response.status >= 500) throw new Error(`${response.status}: ${log}`)
        return url
      }, READY_MS),
    ),
  )
  return {
    urls,
    process: child,
    log: () => log,
    async stop() {
      // SIGTERM would wait for hung requests for ever.
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
      process.off('exit', killNow)
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

/** The port of a socket, in the lines of JSON that workerd told. */
function portIn(told: string, socket: string): number {
  const lines = told.split('\n').slice(0, -1)
  const events = lines.map((line): { readonly event?: string; readonly socket?: string; readonly port?: number } => JSON.parse(line))
  const port = events.find((one) => one.event === 'listen' && one.socket === socket)?.port
  if (port === undefined) throw new Error(`workerd does not listen on ${socket} yet`)
  return port
}
