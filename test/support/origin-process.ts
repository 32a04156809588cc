import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { eventually } from './eventually.ts'

const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url))
const ORIGIN = fileURLToPath(new URL('../../origin/index.ts', import.meta.url))
/** What the two kinds of process say once they work. */
const READY = /origin listens on|fan-out worker is running/

/** An origin of its own process, so that it can really be killed. */
export interface OriginProcess {
  readonly process: ChildProcess
  readonly ended: boolean
  /** The end of what it printed. */
  log(): string
  /** Ends it at once, between any two instructions, and waits until it is dead. */
  kill(): Promise<void>
}

/** Starts `node origin/index.ts` and waits until it works. Without a port it only fans out. */
export async function startOriginProcess(environment: Readonly<Record<string, string>>, port?: number): Promise<OriginProcess> {
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const child = spawn(NODE, [ORIGIN, ...(port === undefined ? ['--fanout-only'] : [])], {
    env: { PATH, NODE_COMPILE_CACHE, ...environment, ...(port === undefined ? {} : { PORT: String(port) }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output = `${output}${data}`.slice(-4_000)))
  const killNow = () => void child.kill('SIGKILL')
  process.once('exit', killNow)
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const kill = async (): Promise<void> => {
    process.off('exit', killNow)
    if (hasEnded()) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  try {
    await eventually(() => {
      if (!READY.test(output)) throw new Error(`the origin process is not ready: ${output}`)
    }, 60_000) // a machine that starts many at once is slow
  } catch (error) {
    await kill()
    throw error
  }
  return {
    process: child,
    log: () => output,
    kill,
    get ended() {
      return hasEnded()
    },
  }
}
