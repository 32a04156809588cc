import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { runCurlLine } from '../curl-line.ts'
import { coreOf, scriptOf } from './commands.ts'
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
  /** What assignments printed: a document that is run twice gets the same. */
  const outputs = new Map<string, string>()
  const jar = new Map<string, string>()
  const fill = (text: string): string =>
    text.replace(/\$(\w+)|\b[A-Z]+\b|\b[\w-]+\.txt\.gz\b/g, (word, name) => (name ? variables[name] : around.placeholders[word]) ?? word)

  /** Runs what the npm script runs, without npm: it takes longer to start than most of ours. */
  async function npm(command: string): Promise<string> {
    const core = coreOf(command)
    const [script, file = ''] = (project.scripts[scriptOf(core) ?? ''] ?? '').split(' ')
    if (script !== 'node') throw new Error(`${command} runs no script of ours`)
    const given = fill(/ -- (.*)$/.exec(core)?.[1] ?? '').split(/\s+/)
    const where = core.includes(' token ') ? ['--state-dir', around.stateDir] : ['--database-url', around.databaseUrl]
    // A command that sets variables of its own gets no database: it may be meant for a machine that has none.
    const DATABASE_URL = core === command ? around.databaseUrl : undefined
    const env = { ...process.env, JWT_SECRET: around.jwtSecret, DATABASE_URL }
    return node([file, ...given, ...where], env)
  }

  /** The addresses of the documents as those of the stack. */
  const elsewhere = (line: string): string =>
    line
      .replaceAll(/http:\/\/127\.0\.0\.1:8787|https:\/\/feed\.example\.com/g, around.workerUrl)
      .replaceAll('http://127.0.0.1:8788', around.originUrl)

  return async (command: string): Promise<string | Response> => {
    const core = coreOf(command)
    const name = /^(\w+)=\$\(/.exec(command)?.[1]
    if (core.startsWith('npm ')) {
      if (name === undefined) return npm(command)
      const output = outputs.get(command) ?? (await npm(command.slice(`${name}=$(`.length, -1)))
      outputs.set(command, output)
      variables[name] = output
      return output
    }
    const [, program] = /^node -e "(.*)"$/.exec(core) ?? []
    return program === undefined ? runCurlLine(elsewhere(fill(core)), jar) : node(['-e', program], process.env)
  }
}

const node = async (args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> =>
  (await promisify(execFile)(process.execPath, args, { cwd: ROOT, env })).stdout.trim()
