import type { Markdown } from './markdown.ts'
import type { Project } from './project.ts'

interface DocCommand {
  readonly file: string
  readonly line: number
  readonly text: string
}

/** Every command of a document: the lines of its `sh` fences, and what stands in backticks and begins with npm or npx. */
export function commandsIn(document: Markdown): DocCommand[] {
  const { file } = document
  const fenced = document.fences
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text, line }) =>
      linesOf(text).flatMap((one) => partsOf(one.text).map((part) => ({ file, line: line + one.at, text: part }))),
    )
  const inline = document.code
    .filter(({ text }) => /^(?:npm|npx) /.test(text))
    .flatMap(({ text, line }) => partsOf(text).map((part) => ({ file, line, text: part })))
  return [...fenced, ...inline]
}

/** The lines of a script, those that end in a backslash joined with the next one. */
function linesOf(script: string): { text: string; at: number }[] {
  const lines: { text: string; at: number }[] = []
  for (const [at, text] of script.split('\n').entries()) {
    const last = lines.at(-1)
    if (last?.text.endsWith('\\')) last.text = `${last.text.slice(0, -1).trimEnd()} ${text.trim()}`
    else lines.push({ text, at })
  }
  return lines
}

/** The commands of a line: what `&&` joins, without comments. */
function partsOf(line: string): string[] {
  const parts = ['']
  for (const [word] of line.matchAll(/'[^']*'|"[^"]*"|&&|(?<=^|\s)#.*|\s+|[^\s'"&]+|&/g)) {
    if (word.startsWith('#')) break
    if (word === '&&') parts.push('')
    else parts.push(`${parts.pop() ?? ''}${word}`)
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}

/**
 * What is done with a command of the documents:
 * `run` executes it against a stack; `script` looks for the npm script and its flags, `tests` for test files, `wrangler` asks wrangler
 * for its help, `lock` compares what is to be installed; of `form` only the shape is known, for it needs a machine or an account that a
 * test has not.
 */
export type Treatment = 'run' | 'script' | 'tests' | 'lock' | 'wrangler' | 'form'

/** Scripts that `run` executes; any other is looked up. */
const EXECUTED = 'token|import|analytics'

/** Every command of the documents is claimed by exactly one of these. */
const RULES: readonly (readonly [Treatment, RegExp])[] = [
  ['lock', /^npm (?:ci(?: --omit=dev)?|install)$/],
  ['run', new RegExp(`^npm run (?:--silent )?(?:${EXECUTED}) --(?: [\\w./:@$…-]+)+$`)],
  ['run', /^curl(?! .*\$UPSTASH)(?: (?:-\w+|[A-Z]+|'[^']*'|"[^"]*"|https?:[\w:/.?=&{}$-]+))+$/],
  ['run', /^node -e "[^"]*"$/],
  [
    'script',
    new RegExp(
      `^npm (?:start|run (?:--silent )?(?:(?:${EXECUTED})$|(?!(?:${EXECUTED}|test:long)\\b)[\\w:-]+))(?: -- [^|;<>]+)?(?: > [\\w.-]+)?$`,
    ),
  ],
  ['tests', /^npm (?:test|run test:long)(?: --(?: \S+)+)?$/],
  ['wrangler', /^npx wrangler(?: [\w@./:=-]+)+$/],
  ['form', /^docker (?:build|run|push|pull|stop|rm|logs|exec)\b[^|;<>]*$/],
  ['form', /^curl .*\$UPSTASH/],
  ['form', /^(?:apt-get install|brew install)(?: [\w.-]+)+$|^git clone \S+$|^cd [\w.-]+$|^openssl rand -base64 \d+$/],
]

/** What is run, without the variables that are set for it alone and without the one that takes its output. */
export function coreOf(text: string): string {
  const [, substituted = text] = /^\w+=\$\((.*)\)$/.exec(text) ?? []
  return substituted.replace(/^(?:[A-Z_]+=[^\s(]+ )+/, '')
}

/** How a command is treated; undefined when no rule, or more than one, claims it. */
export function treatmentOf(text: string): Treatment | undefined {
  const claims = RULES.filter(([, pattern]) => pattern.test(coreOf(text)))
  return claims.length === 1 ? claims[0]?.[0] : undefined
}

/** The commands of a document that nobody claims, or that name a script or a test file that is not there. */
export function wrongCommandsIn(document: Markdown, project: Project): string[] {
  return commandsIn(document).flatMap(({ file, line, text }) => {
    const wrong = wrongWith(text, project)
    return wrong === undefined ? [] : [`${file}:${line} ${text}: ${wrong}`]
  })
}

function wrongWith(text: string, { scripts, exists }: Project): string | undefined {
  const treatment = treatmentOf(text)
  if (treatment === undefined) return 'is claimed by no rule of test/support/docs/commands.ts, or by two'
  const script = scriptOf(text)
  if (script !== undefined && !Object.hasOwn(scripts, script)) return `there is no npm script "${script}"`
  const missing = text.split(/\s+/).find((word) => /^(?:test|dev|origin)\/[\w./-]+$/.test(word) && !exists(word))
  return missing === undefined ? undefined : `there is no ${missing}`
}

/** The npm script a command runs. */
export function scriptOf(text: string): string | undefined {
  const [, script, short] = /^npm (?:run (?:--silent )?([\w:-]+)|(start|test)\b)/.exec(coreOf(text)) ?? []
  return script ?? short
}

/** The flags given to an npm script, without their values. */
export const flagsOf = (text: string): string[] => (/ -- (.*)$/.exec(text)?.[1] ?? '').match(/(?<=^|\s)--[a-z-]+/g) ?? []
