import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from './eventually.ts'

const WORKERD = fileURLToPath(new URL('../../node_modules/.bin/workerd', import.meta.url))

const START_DEADLINE_MS = 60_000

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
  const numbers = Array.from({ length: isolates }, (_, i) => i)
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
  const child = spawn(WORKERD, ['serve', join(folder, 'config.capnp'), '--control-fd=3'], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => (log += data))
  let told = ''
  child.stdio[3]?.on('data', (data: Buffer) => (told += data))
  const killNow = () => void child.kill('SIGKILL')
  process.once('exit', killNow)
  const urlOf = (isolate: number) =>
    eventually(() => {
      const port = new RegExp(`"socket":"s${isolate}","port":(\\d+)`).exec(told)?.[1]
      if (port === undefined) throw new Error(`workerd does not listen: ${log}`)
      return `http://127.0.0.1:${port}`
    }, START_DEADLINE_MS)
  const urls = await Promise.all(numbers.map(urlOf))
  await Promise.all(
    urls.map((url) =>
      eventually(async () => {
        const response = await fetch(`${url}/healthz`)
        if (response.status >= 500) throw new Error(`${response.status}: ${log}`)
      }, START_DEADLINE_MS),
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
      await rm(folder, { recursive: true, force: true })
    },
  }
}
