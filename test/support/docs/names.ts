import type { Markdown } from './markdown.ts'
import { FOLDERS, type Project } from './project.ts'

const PATH = new RegExp(`^(?:${FOLDERS.join('|').replace('.', '\\.')})/[\\w./-]*$`)

/** Names in backticks that nothing in the project bears: paths, routes, settings, columns, events and reasons, headers, flags. */
export function unknownNamesIn(document: Markdown, project: Project): string[] {
  // A query names its columns, and a command the files a reader makes.
  const known = { ...project, sources: [project.sources, ...document.fences.map(({ text }) => text)].join('\n') }
  return document.code.flatMap(({ text, line }) => (isKnown(text, known) ? [] : [`${document.file}:${line} \`${text}\` is nowhere`]))
}

/** Words of other people's platforms. */
const FOREIGN = new Set(['http_service'])

function isKnown(text: string, { exists, sources }: Project): boolean {
  if (FOREIGN.has(text)) return true
  if (PATH.test(text)) return exists(text.replace(/\/$/, ''))
  if (/^[\w-]+\.(?:ts|md|toml|json|sql|html)$/.test(text)) return exists(text) || new RegExp(`[/\\s@]${text}\\b`).test(sources)
  const route = /^(?:GET|POST|PUT|DELETE) (\/[^? ]*)/.exec(text)?.[1] ?? /^\/[a-z][\w./{}-]*$/.exec(text)?.[0]
  if (route !== undefined) {
    const pages = [`web${route}.html`, `docs${route}.md`]
    return sources.includes(`'${route.replace(/\{(\w+)\}/g, ':$1')}'`) || pages.some((page) => exists(page))
  }
  // A setting, an environment variable; a column or table.
  if (/^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(text) || /^[a-z]+(?:_[a-z0-9]+)+$/.test(text)) return isWordOf(sources, text)
  // An event, a reason, a slug, a package, a program: a string somewhere, or a member of one.
  if (/^[a-z0-9]+(?:-[a-z0-9]+)+$/.test(text)) return new RegExp(`['"\`\\s@/]${text}['"\`\\s@.=]`).test(sources)
  if (/^[A-Z][A-Za-z]*(?:-[A-Z][A-Za-z]*)+$/.test(text)) return isWordOf(sources.toLowerCase(), text.toLowerCase())
  if (/^--[a-z][a-z-]*$/.test(text)) return isWordOf(sources, text) || isWordOf(sources, text.slice(2))
  return true
}

/** Lines of `log` fences that the project does not write: an event with its details, or a text with gaps. */
export function unknownLogLinesIn(document: Markdown, { sources }: Project): string[] {
  const fences = document.fences.filter(({ language }) => language === 'log')
  return fences.flatMap(({ text, line }) =>
    text.split('\n').flatMap((logged, at) => {
      const [, event, details = logged] = /^([a-z0-9]+(?:-[a-z0-9]+)+) (.*)$/.exec(logged) ?? []
      const names = [...details.matchAll(/(?<=^| )(\w+)=/g)].map(([, name]) => name)
      const declares =
        event === undefined || names.every((name) => new RegExp(`(?:type: '${event}'[^}]*| ${event} )\\b${name}\\b`).test(sources))
      const texts = details.split(/…|\b\w+=|^\w+: /).map((part) => part.trim())
      const says = texts.every((part) => sources.includes(part))
      return declares && says ? [] : [`${document.file}:${line + at} "${logged}" is written nowhere`]
    }),
  )
}

const isWordOf = (sources: string, word: string): boolean => new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(sources)
