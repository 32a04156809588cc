import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What a process of the bench can be asked for: a module's `open` makes them from its options. */
export type Handlers = Record<string, (argument: never) => Promise<unknown>>

export interface Opened<H extends Handlers> {
  /** Asks, and gives up after `deadlineMs`. */
  ask<K extends keyof H & string>(what: K, argument: Parameters<H[K]>[0], deadlineMs?: number): Promise<Awaited<ReturnType<H[K]>>>
  stop(): Promise<void>
}

const ENTRY = fileURLToPath(new URL('child.ts', import.meta.url))
const START_DEADLINE_MS = 30_000
const ASK_DEADLINE_MS = 30_000

process.setMaxListeners(0) // each process that runs has one on our exit

/**
 * Starts a process that imports `module` and calls its `open` with `options`. It is asked by messages, ends with us, and is
 * killed in the end: what a cache leaves running is none of our business.
 */
export async function openProcess<H extends Handlers>(module: string, options: unknown): Promise<Opened<H>> {
  const child = fork(ENTRY, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const asked = new Map<number, PromiseWithResolvers<unknown>>()
  let complaint = ''
  child.stderr?.on('data', (data: Buffer) => (complaint = `${complaint}${data}`.slice(-2_000)))
  child.on('message', ({ id, result, error }: { id: number; result?: unknown; error?: string }) => {
    if (error === undefined) asked.get(id)?.resolve(result)
    else asked.get(id)?.reject(new Error(error))
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  void exited.then(() => {
    for (const { reject } of asked.values()) reject(new Error(`a process ended by itself: ${complaint.trim()}`))
  })
  const killNow = () => void child.kill('SIGKILL')
  process.once('exit', killNow)
  let lastId = 0

  async function send(what: string, argument: unknown, deadlineMs: number): Promise<unknown> {
    const id = ++lastId
    const answer = Promise.withResolvers<unknown>()
    asked.set(id, answer)
    const timer = setTimeout(() => answer.reject(new Error(`no answer to "${what}" within ${deadlineMs} ms`)), deadlineMs)
    try {
      if (child.connected) child.send({ id, what, argument })
      else answer.reject(new Error(`a process ended by itself: ${complaint.trim()}`))
      return await answer.promise
    } finally {
      clearTimeout(timer)
      asked.delete(id)
    }
  }
  async function stop(): Promise<void> {
    killNow()
    await exited
    process.off('exit', killNow)
  }

  try {
    await send('open', { module, options }, START_DEADLINE_MS)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ask: (what, argument, deadlineMs = ASK_DEADLINE_MS) => send(what, argument, deadlineMs) as Promise<Awaited<ReturnType<H[typeof what]>>>,
    stop,
  }
}
