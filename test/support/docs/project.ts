import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Markdown, parseMarkdown } from './markdown.ts'

export const ROOT = join(import.meta.dirname, '../../..')

/** What documents speak of. Tests of the checks make small ones of their own. */
export interface Project {
  /** Whether a file or folder of that path from the root exists. */
  exists(path: string): boolean
  /** The anchors of a document, undefined where there is none. */
  anchors(path: string): ReadonlySet<string> | undefined
  /** The npm scripts and what they run. */
  readonly scripts: Readonly<Record<string, string>>
  /** Every source text in which a name may stand, as one. */
  readonly sources: string
}

/** Files git would take, so that what lies about on a developer's machine is no excuse. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(ROOT, file)))

/** Every document of the project. */
export const documents: readonly Markdown[] = files
  .filter((file) => /^(?:[A-Z]+|docs\/.*)\.md$/.test(file))
  .map((file) => parseMarkdown(file, readFileSync(join(ROOT, file), 'utf8')))

const NAMED_IN =
  /^(?:(?:contract|worker|origin|dev|migrations|web|\.ci|test\/support)\/.*|test\/run\.ts|[^/]+\.(?:toml|json|ts)|Dockerfile|\.npmrc)$/

export const project: Project = {
  exists: (path) => existsSync(join(ROOT, path)) && (statSync(join(ROOT, path)).isDirectory() || files.includes(path)),
  anchors: (path) => documents.find(({ file }) => file === path)?.anchors,
  scripts: JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts,
  sources: files
    .filter((file) => NAMED_IN.test(file) && file !== 'package-lock.json')
    .map((file) => `${file}\n${readFileSync(join(ROOT, file), 'utf8')}`)
    .join('\n'),
}
