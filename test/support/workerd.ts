import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'

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
  const ports = await Promise.all(Array.from({ length: isolates }, freePort))
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
  services = [ ${ports.map((_, i) => `(name = "w${i}", worker = .worker${i})`).join(', ')}, (name = "internet", network = (allow = ["public", "private"])) ],
  sockets = [ ${ports.map((port, i) => `(name = "s${i}", address = "127.0.0.1:${port}", http = (), service = "w${i}")`).join(', ')} ]
);
${ports.map((_, i) => workerOf(i)).join('\n')}
`
  await writeFile(join(folder, 'config.capnp'), config)
  const child = spawn(WORKERD, ['serve', join(folder, 'config.capnp')], { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (log += data))
  const urls = ports.map((port) => `http://127.0.0.1:${port}`)
  const killNow = () => void child.kill('SIGKILL')
  process.once('exit', killNow)
  await Promise.all(
    urls.map((url) =>
      eventually(async () => {
        if (child.exitCode !== null) throw new Error(`workerd ended: ${log}`)
        const response = await fetch(`${url}/healthz`)
        if (response.status >= 500) throw new Error(`${response.status}: ${log}`)
      }),
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
