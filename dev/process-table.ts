import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/** The command line of a process; undefined where there is no such process, or only its zombie. */
export async function commandOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return text.replaceAll('\0', ' ').trim() || undefined
  }
  const asked = await promisify(execFile)('ps', ['-o', 'stat=,command=', '-p', String(pid)]).catch(() => undefined)
  const [, stat, command] = /^(\S+)\s+(.*)/.exec(asked?.stdout.trim() ?? '') ?? []
  return stat?.startsWith('Z') ? undefined : command
}

/** Signals a process and those it started, when it leads a group; nothing happens when it is gone. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // gone already
  }
}
