import { readdirSync, readFileSync } from 'node:fs'
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

/** The folders that hold what is ours. */
export const FOLDERS = ['contract', 'worker', 'origin', 'dev', 'migrations', 'web', 'test', 'bench', 'docs', '.ci']

/** The files of a folder, by their paths from the root. What wrangler keeps beside a worker comes and goes. */
const filesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return folder === '' || entry.name === '.wrangler' ? [] : filesIn(path)
    return entry.isFile() ? [path] : []
  })

const files = ['', ...FOLDERS].flatMap(filesIn)

/** Every document of the project. */
export const documents: readonly Markdown[] = files
  .filter((file) => /^(?:[A-Z]+|docs\/.*)\.md$/.test(file))
  .map((file) => parseMarkdown(file, readFileSync(join(ROOT, file), 'utf8')))

const NAMED_IN =
  /^(?:(?:contract|worker|origin|dev|migrations|web|\.ci|test\/support|docs\/examples)\/.*|test\/run\.ts|[^/]+\.(?:toml|json|ts)|Dockerfile|\.npmrc)$/

export const project: Project = {
  exists: (path) => files.includes(path) || files.some((file) => file.startsWith(`${path}/`)),
  anchors: (path) => documents.find(({ file }) => file === path)?.anchors,
  scripts: JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts,
  sources: files
    .filter((file) => NAMED_IN.test(file) && file !== 'package-lock.json')
    .map((file) => `${file}\n${readFileSync(join(ROOT, file), 'utf8')}`)
    .join('\n'),
}
