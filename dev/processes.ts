import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { signalGroup } from './process-table.ts'
import { ROOT } from './state.ts'

export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  /** Variables beside our own; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Written anew. */
  readonly logFile: string
  /** Told each line of its stderr. */
  readonly onComplaint?: (line: string) => void
}

export interface RunningProcess {
  readonly pid: number
  /** How it ended, whoever wished it. */
  readonly ended: Promise<string>
  /** Resolves with the first line of its output that matches; throws when it ends before, or at the deadline. */
  said(pattern: RegExp, deadlineMs?: number): Promise<string>
  /** Ends it and everything it started. */
  stop(): Promise<void>
}

/** How long a process may take to end by itself before it is killed (milliseconds). */
const STOP_DEADLINE_MS = 5_000

/** Starts a process in a group of its own: Ctrl-C reaches us alone, and we end it, with all it started, when its turn comes. */
export function launch({ command, args, env, logFile, onComplaint }: Launch): RunningProcess {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = createWriteStream(logFile).on('error', () => {}) // a full disk is told by those who need it more
  const lines: string[] = []
  const listeners = new Set<(line: string) => void>()
  const note = (line: string): void => {
    log.write(`${line}\n`)
    if (line.trim()) lines.push(line.trim())
    if (lines.length > 200) lines.shift()
    for (const listener of listeners) listener(line)
  }
  createInterface(child.stdout).on('line', note)
  createInterface(child.stderr).on('line', (line) => {
    note(line)
    onComplaint?.(line)
  })

  const killNow = () => child.pid && signalGroup(child.pid, 'SIGKILL')
  process.once('exit', killNow) // of whoever ends without stopping us
  const exited = new Promise<string | number>((resolve) => {
    child.once('error', (error) => resolve(`it cannot be run: ${error.message}`))
    child.once('exit', (code, signal) => resolve(code ?? `by ${signal}`))
  })
  const drained = new Promise((resolve) => child.once('close', resolve))
  const ended = exited.then(async (how) => {
    await Promise.race([drained, sleep(300)]) // its last words; what it started may hold the pipe open
    killNow()
    process.off('exit', killNow)
    log.end()
    return typeof how === 'string' ? how : `exit code ${how}, after "${lines.at(-1) ?? ''}"`
  })

  return {
    pid: child.pid ?? 0,
    ended,
    async said(pattern, deadlineMs) {
      const spoken = lines.find((line) => pattern.test(line))
      if (spoken !== undefined) return spoken
      const heard = Promise.withResolvers<string>()
      const listener = (line: string) => pattern.test(line) && heard.resolve(line)
      listeners.add(listener)
      const tooLate = (ms: number) => heard.reject(new Error(`it was not ready within ${ms / 1000} s`))
      const timer = deadlineMs === undefined ? undefined : setTimeout(tooLate, deadlineMs, deadlineMs)
      ended.then((how) => heard.reject(new Error(how)))
      try {
        return await heard.promise
      } finally {
        clearTimeout(timer)
        listeners.delete(listener)
      }
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null && child.pid) {
        signalGroup(child.pid, 'SIGTERM')
        const impatience = setTimeout(killNow, STOP_DEADLINE_MS)
        await exited
        clearTimeout(impatience)
      }
      await ended
    },
  }
}
