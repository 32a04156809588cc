import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from './eventually.ts'

const COMMAND = fileURLToPath(new URL('../../dev/start.ts', import.meta.url))
const DEADLINE_MS = 100_000 // machines that run tests are slow and shared

/** `npm start` as a child of a test. */
export interface Start {
  readonly process: ChildProcess
  readonly hasEnded: () => boolean
  /** What it wrote so far, both streams. */
  output(): string
  /** Waits for something it says; throws with all it said when it ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>
  /** Sends a signal, if any, and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<{ readonly code: number | null; readonly lines: readonly string[] }>
}

export function npmStart(args: readonly string[], env: Readonly<Record<string, string>> = {}): Start {
  const child = spawn(process.execPath, [COMMAND, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  let hasEnded = false
  const closed = once(child, 'close').finally(() => {
    hasEnded = true
  })
  return {
    process: child,
    hasEnded: () => hasEnded,
    output: () => output,
    async says(pattern) {
      const said = await eventually(
        () => {
          const found = pattern.exec(output)
          if (found || hasEnded) return found
          throw new Error(`it has not said ${pattern}: ${output}`)
        },
        DEADLINE_MS,
        20,
      )
      if (said) return said
      throw new Error(`it ended without saying ${pattern}: ${output}`)
    },
    async end(signal) {
      if (signal) child.kill(signal)
      const [code] = await closed
      return { code, lines: output.trim().split('\n') }
    },
  }
}

/** A PATH with every program of ours except a Redis: `folder` is filled with links to them. */
export async function pathWithoutRedis(folder: string): Promise<string> {
  await mkdir(folder)
  const programs = new Map<string, string>()
  for (const from of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of await readdir(from).catch(() => [])) if (!programs.has(name)) programs.set(name, join(from, name))
  }
  for (const name of ['redis-server', 'valkey-server']) programs.delete(name)
  await Promise.all([...programs].map(([name, file]) => symlink(file, join(folder, name))))
  return folder
}

/** The process groups a start has recorded. */
export async function recordedGroups(stateDir: string): Promise<readonly { readonly name: string; readonly pid: number }[]> {
  return JSON.parse(await readFile(join(stateDir, 'running.json'), 'utf8')).processes
}

/** Processes of these groups that still live. Zombies do not: who reaps them, and when, is the machine's business. */
export async function livingIn(groups: readonly number[]): Promise<string[]> {
  const living: string[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    const [, name, state, , group] = /\((.*)\) (\S) (\d+) (\d+)/s.exec(stat) ?? []
    if (state && state !== 'Z' && groups.includes(Number(group))) living.push(`${pid} ${name}`)
  }
  return living
}
