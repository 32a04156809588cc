import GithubSlugger from 'github-slugger'
import MarkdownIt, { type Token } from 'markdown-it'

interface At {
  /** 1-based. */
  readonly line: number
}
interface Fence extends At {
  readonly language: string
  readonly text: string
}
interface Table {
  readonly header: readonly string[]
  readonly rows: readonly (At & { readonly cells: readonly Cell[] })[]
}
interface Cell {
  readonly text: string
  /** What stands in backticks. */
  readonly code: readonly string[]
}

/** What the checks look at in a Markdown document. */
export interface Markdown {
  readonly file: string
  /** What `#anchor` may name, by GitHub's rules. */
  readonly anchors: ReadonlySet<string>
  /** Targets of links and pictures, in HTML too. */
  readonly links: readonly (At & { readonly target: string })[]
  /** What stands in backticks within text. */
  readonly code: readonly (At & { readonly text: string })[]
  readonly fences: readonly Fence[]
  readonly tables: readonly Table[]
}

const parser = new MarkdownIt({ html: true, linkify: true })
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false }) // README.md is a file, not a host in Moldova

/** Reads a document. `file` is its path from the root of the project. */
export function parseMarkdown(file: string, source: string): Markdown {
  const slugger = new GithubSlugger()
  const anchors = new Set<string>()
  const links: { target: string; line: number }[] = []
  const code: { text: string; line: number }[] = []
  const fences: Fence[] = []
  const tables: { header: string[]; rows: { cells: Cell[]; line: number }[] }[] = []
  const tokens = parser.parse(source, {})
  let line = 1
  let inHead = false
  for (const [index, token] of tokens.entries()) {
    if (token.map) line = token.map[0] + 1
    const parts = token.children ?? [token]
    for (const part of parts) {
      for (const target of targetsOf(part)) links.push({ target, line })
      if (part.type === 'code_inline') code.push({ text: part.content, line })
    }
    const table = tables.at(-1)
    if (token.type === 'heading_open') anchors.add(slugger.slug(textOf(tokens[index + 1])))
    else if (token.type === 'fence') fences.push({ language: token.info.trim(), text: token.content, line: line + 1 })
    else if (token.type === 'table_open') tables.push({ header: [], rows: [] })
    else if (token.type === 'thead_open' || token.type === 'thead_close') inHead = token.type === 'thead_open'
    else if (token.type === 'tr_open' && !inHead) table?.rows.push({ cells: [], line })
    else if (token.type === 'th_open') table?.header.push(textOf(tokens[index + 1]))
    else if (token.type === 'td_open') table?.rows.at(-1)?.cells.push({ text: textOf(tokens[index + 1]), code: codeIn(tokens[index + 1]) })
  }
  return { file, anchors, links, code, fences, tables }
}

function targetsOf(token: Token): string[] {
  if (token.type === 'link_open') return [String(token.attrGet('href') ?? '')]
  if (token.type === 'image') return [String(token.attrGet('src') ?? '')]
  if (token.type !== 'html_block' && token.type !== 'html_inline') return []
  return [...token.content.matchAll(/\b(?:href|src|srcset)="([^"]*)"/g)].map(([, target = '']) => target)
}

const childrenOf = (token: Token | undefined): readonly Token[] => token?.children ?? []
const codeIn = (token: Token | undefined): string[] =>
  childrenOf(token).flatMap((part) => (part.type === 'code_inline' ? [part.content] : []))
const textOf = (token: Token | undefined): string =>
  childrenOf(token)
    .map((part) => (part.type === 'softbreak' ? ' ' : part.content))
    .join('')
