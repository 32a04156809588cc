import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from './image.ts'

/** Runs a command of `dev/` as a user would, with no variables but these that it reads; answers its exit code and all it said. */
export const runDevCommand = (
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: unknown; readonly output: string }> =>
  new Promise((resolve) => {
    const { PATH, NODE_COMPILE_CACHE } = process.env
    const options = { cwd: ROOT, env: { PATH, NODE_COMPILE_CACHE, ...env } }
    execFile(process.execPath, [join(ROOT, 'dev', `${name}.ts`), ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, output: stdout + stderr }),
    )
  })
