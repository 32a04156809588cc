import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const QUIET = { CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false', CI: '1' }
const READY_MS = 60_000

export interface WranglerDev {
  readonly url: string
  /** The end of what it printed. */
  log(): string
  stop(): Promise<void>
}

interface Options {
  /** Relative to the project; its own configuration unless told otherwise. */
  readonly config?: string
  readonly bindings: Readonly<Record<string, string>>
}

/** Starts real `wrangler dev` on loopback; ready when `/healthz` answers 200. It hides that clients leave. */
export async function startWranglerDev({ config = 'wrangler.toml', bindings }: Options): Promise<WranglerDev> {
  const folder = await mkdtemp(join(tmpdir(), 'tideline-wrangler-'))
  const [port, inspectorPort] = await Promise.all([freePort(), freePort()])
  const url = `http://127.0.0.1:${port}`
  const vars = Object.entries(bindings).flatMap(([name, text]) => ['--var', `${name}:${text}`])
  const options = ['--config', config, '--ip', '127.0.0.1', '--port', String(port), '--inspector-port', String(inspectorPort)]
  const wrangler = spawn(join(ROOT, 'node_modules', '.bin', 'wrangler'), ['dev', ...options, '--persist-to', folder, ...vars], {
    cwd: ROOT,
    env: { ...process.env, ...QUIET, WRANGLER_LOG_PATH: join(folder, 'logs'), WRANGLER_REGISTRY_PATH: join(folder, 'registry') },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own, so that workerd ends with it
  })
  let log = ''
  for (const stream of [wrangler.stdout, wrangler.stderr]) stream.on('data', (data: Buffer) => (log = `${log}${data}`.slice(-4_000)))
  const runs = (): boolean => wrangler.exitCode === null && wrangler.signalCode === null
  const killGroup = (): void => {
    if (runs() && wrangler.pid !== undefined) process.kill(-wrangler.pid, 'SIGKILL')
  }
  process.once('exit', killGroup)
  async function stop(): Promise<void> {
    if (runs()) {
      const ended = once(wrangler, 'exit')
      killGroup()
      await ended
    }
    process.off('exit', killGroup)
    await rm(folder, { recursive: true, force: true, maxRetries: 10 }) // what died last may still have written into it
  }
  await eventually(async () => {
    if (!runs()) throw new Error(`wrangler dev ended: ${log}`)
    const { status } = await fetch(`${url}/healthz`)
    if (status !== 200) throw new Error(`${status}: ${log}`)
  }, READY_MS).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return { url, log: () => log, stop }
}
