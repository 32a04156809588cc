import { execFile } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** What figures were taken on. */
export interface Machine {
  /** ISO 8601. */
  readonly at: string
  readonly commit: string
  readonly cpu: string
  readonly cpus: number
  readonly memoryGb: number
  readonly system: string
  readonly node: string
  readonly redis: string
  readonly workerd: string
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export async function machineOf(redis: string): Promise<Machine> {
  const said = async (command: string, ...args: string[]): Promise<string> =>
    promisify(execFile)(command, args, { cwd: ROOT }).then(
      ({ stdout }) => stdout.trim(),
      () => '',
    )
  const [commit, changes, workerd] = await Promise.all([
    said('git', 'rev-parse', '--short', 'HEAD'),
    said('git', 'status', '--porcelain', '--untracked-files=no'),
    said(`${ROOT}node_modules/.bin/workerd`, '--version'),
  ])
  return {
    at: new Date().toISOString(),
    commit: `${commit || 'unknown'}${changes ? ' with changes' : ''}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    redis,
    workerd: workerd.replace(/^workerd /, ''),
  }
}
