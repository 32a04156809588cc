import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { commandsIn, flagsOf, scriptOf, treatmentOf, wrongCommandsIn } from '../support/docs/commands.ts'
import { brokenLinksIn } from '../support/docs/links.ts'
import { unknownLogLinesIn, unknownNamesIn } from '../support/docs/names.ts'
import { documents, project, ROOT } from '../support/docs/project.ts'
import { unprovenIn } from '../support/docs/promises.ts'

const commands = documents.flatMap(commandsIn)
const root = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

test('the documents are found', () => {
  expect(documents.map(({ file }) => file)).toEqual(
    expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/runbook.md', 'docs/architecture.md', 'docs/problems/gone.md']),
  )
  expect(commands.length).toBeGreaterThan(20)
})

test('every link, name, log line, script and test file is there, every command has its rule, every promise its command', () => {
  const named = new Set(commands.map(({ text }) => scriptOf(text)))
  const wrong = [
    ...documents.flatMap((document) => [
      ...brokenLinksIn(document, project),
      ...unknownNamesIn(document, project),
      ...unknownLogLinesIn(document, project),
      ...wrongCommandsIn(document, project),
      ...unprovenIn(document),
    ]),
    ...Object.keys(project.scripts).flatMap((script) =>
      named.has(script) ? [] : [`package.json: the script "${script}" is in no document`],
    ),
  ]
  expect(wrong).toEqual([])
})

test('what npm ci installs is what package.json asks for', () => {
  const { dependencies, devDependencies } = JSON.parse(root('package.json'))
  expect(JSON.parse(root('package-lock.json')).packages['']).toMatchObject({ dependencies, devDependencies })
})

test('the two pictures of the README differ in their colours alone', () => {
  const withoutStyle = (file: string) => root(file).replace(/<style>[\s\S]*?<\/style>/, '')
  expect(withoutStyle('docs/pictures/layers-dark.svg')).toBe(withoutStyle('docs/pictures/layers-light.svg'))
})

/** Runs a tool of ours for its help; one that does not know `--help` fails. */
const helpOf = async (file: string, ...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [file, ...args, '--help'], { cwd: ROOT })).stdout

describe('every npm script of ours has a --help that knows the flags the documents give it', () => {
  const ours = Object.entries(project.scripts).flatMap(([name, line]) => {
    const [, file, args = ''] = /^node (\S+\.ts)(?: (.*))?$/.exec(line) ?? []
    return file === undefined ? [] : [{ name, file, args: args.split(' ').filter(Boolean) }]
  })
  test.concurrent.for(ours)('$name', async ({ name, file, args }, { expect }) => {
    const help = await helpOf(file, ...args)
    expect(help.length).toBeGreaterThan(40)
    const flags = commands
      .filter(({ text }) => scriptOf(text) === name && treatmentOf(text) !== 'tests')
      .flatMap(({ text }) => flagsOf(text))
    for (const flag of new Set(flags)) expect(help, flag).toMatch(new RegExp(`${flag}(?![\\w-])`))
  })
})

describe('wrangler knows what the documents ask of it', () => {
  const asked = commands.filter(({ text }) => treatmentOf(text) === 'wrangler').map(({ text }) => text.split(' ').slice(2))
  /** The words before a flag or a value: `secret put NAME` is `secret put`. */
  const subcommandOf = (words: readonly string[]) => /^[a-z]+(?: (?:put|delete|bulk|list)\b)?/.exec(words.join(' '))?.[0] ?? ''
  const flagsIn = (words: readonly string[]) => words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0] ?? '')
  /** Whose help is asked: one that is used without flags stands in that of the command above it. */
  const helperOf = (words: readonly string[]) =>
    flagsIn(words).length > 0 ? subcommandOf(words) : subcommandOf(words).replace(/ ?[a-z]+$/, '')

  test.concurrent.for([...Map.groupBy(asked, helperOf)])('wrangler %s', async ([helper, uses], { expect }) => {
    const help = await helpOf('node_modules/wrangler/bin/wrangler.js', ...helper.split(' ').filter(Boolean))
    for (const words of uses) {
      expect(help).toContain(`wrangler ${subcommandOf(words)}`)
      for (const flag of flagsIn(words)) expect(help).toContain(flag)
    }
  })
})
