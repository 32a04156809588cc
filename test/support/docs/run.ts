import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { runCurlLine } from '../curl-line.ts'
import { scriptOf, withoutSettings } from './commands.ts'
import { project, ROOT } from './project.ts'

/** Where commands of the documents run, instead of where a reader would run them. */
export interface Surroundings {
  /** What stands for the addresses that `npm start` uses. */
  readonly workerUrl: string
  readonly originUrl: string
  readonly databaseUrl: string
  readonly jwtSecret: string
  /** In place of `.tideline`. */
  readonly stateDir: string
  /** In place of the words in capitals, and of files a reader has: word → value. */
  readonly placeholders: Readonly<Record<string, string>>
}

/** Runs commands as a shell would: what one assigns, a later one may use. Answers what an npm script printed, or the response of curl. */
export function createShell(around: Surroundings) {
  const variables: Record<string, string> = {}
  const jar = new Map<string, string>()
  const fill = (text: string): string =>
    text.replace(/\$(\w+)|\b[A-Z]+\b|\b[\w-]+\.txt\.gz\b/g, (word, name) => (name ? variables[name] : around.placeholders[word]) ?? word)

  /** Runs what the npm script runs, without npm: it takes longer to start than most of ours. */
  async function npm(command: string): Promise<string> {
    const [script, file = ''] = (project.scripts[scriptOf(command) ?? ''] ?? '').split(' ')
    if (script !== 'node') throw new Error(`${command} runs no script of ours`)
    const given = fill(/ -- (.*)$/.exec(command)?.[1] ?? '').split(/\s+/)
    const where = command.includes(' token ') ? ['--state-dir', around.stateDir] : ['--database-url', around.databaseUrl]
    const args = given.includes(where[0] ?? '')
      ? given.map((word) => (word.startsWith('postgres://') ? around.databaseUrl : word))
      : [...given, ...where]
    const env = { ...process.env, JWT_SECRET: around.jwtSecret, DATABASE_URL: around.databaseUrl }
    return (await promisify(execFile)(process.execPath, [file, ...args], { cwd: ROOT, env })).stdout.trim()
  }

  return async (command: string): Promise<string | Response> => {
    const [, name, substituted = withoutSettings(command)] = /^(\w+)=\$\((.*)\)$/.exec(command) ?? []
    if (substituted.startsWith('npm ')) {
      if (name !== undefined && variables[name] !== undefined) return variables[name]
      const output = await npm(substituted)
      if (name !== undefined) variables[name] = output
      return output
    }
    const line = fill(command).replaceAll('http://127.0.0.1:8787', around.workerUrl).replaceAll('http://127.0.0.1:8788', around.originUrl)
    return runCurlLine(line, jar)
  }
}
