/** An import as it stands in a source file. */
export interface Import {
  /** What stands between the quotes; '?' where it is not a plain string and cannot be judged. */
  readonly specifier: string
  readonly line: number
}

export const lineAt = (source: string, index: number): number => source.slice(0, index).split('\n').length

/**
 * The code of a source file in TypeScript or JavaScript: comments and the contents of strings and regular expressions become blanks, so that
 * every character stays where it was. What a template literal interpolates is code.
 */
export function codeOf(source: string): string {
  const out = source.split('')
  /** Depth of braces at which each open template literal goes on. */
  const templates: number[] = []
  let depth = 0
  let at = 0
  const blank = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' '
  }
  /** Ends after the first match, or with the file. */
  const endOf = (pattern: RegExp, from: number): number => {
    pattern.lastIndex = from
    return pattern.exec(source) ? pattern.lastIndex : source.length
  }
  /** Skips the text of a template literal from `at` on, up to its end or the code it interpolates. */
  const template = () => {
    const end = endOf(/(?:\\[\s\S]|\$(?!\{)|[^\\`$])*(?:`|\$\{)/y, at)
    const interpolates = source[end - 1] === '{'
    blank(at, end - (interpolates ? 2 : 1))
    if (interpolates) templates.push(depth++)
    at = end
  }
  while (at < source.length) {
    const char = source[at] ?? ''
    const start = at++
    if (source.startsWith('//', start) || (start === 0 && source.startsWith('#!'))) {
      at = endOf(/$/gm, start)
      blank(start, at)
    } else if (source.startsWith('/*', start)) {
      at = endOf(/\*\//g, at + 1)
      blank(start, at)
    } else if (char === '"' || char === "'") {
      at = endOf(char === '"' ? /(?:\\[\s\S]|[^\\"\n])*"?/y : /(?:\\[\s\S]|[^\\'\n])*'?/y, at)
      blank(start + 1, at - 1)
    } else if (char === '/' && startsRegExp(out.slice(Math.max(0, start - 80), start).join(''))) {
      at = endOf(/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^\\/[\n])*\/?/y, at)
      blank(start + 1, at - 1)
    } else if (char === '`') template()
    else if (char === '{') depth++
    else if (char === '}' && --depth === templates.at(-1)) {
      templates.pop()
      template()
    }
  }
  return out.join('')
}

/** A slash after an operand divides, otherwise it opens a regular expression. */
const startsRegExp = (before: string): boolean =>
  !/[\w$)\]}]\s*$/.test(before) || /\b(?:return|typeof|case|in|of|do|else|await|yield|void|throw)\s*$/.test(before)

/** Every import of a file: static, bare, dynamic, of types, and what it exports on. */
export function importsOf(source: string): Import[] {
  const code = codeOf(source)
  const imports: Import[] = []
  const found = (quoteAt: number) => {
    const quote = code[quoteAt] ?? ''
    const plain = quote === '"' || quote === "'"
    const specifier = plain ? source.slice(quoteAt + 1, code.indexOf(quote, quoteAt + 1)) : '?'
    imports.push({ specifier, line: lineAt(source, quoteAt) })
  }
  for (const { index, 0: text } of code.matchAll(/\b(?:import|export)\b[\w$*{},\s]*?\bfrom\s*(?=['"])|\bimport\s*(?=['"])/g))
    found(index + text.length)
  for (const { index, 0: text } of code.matchAll(/(?<![.\w$])(?:import|require)\s*\(\s*/g)) found(index + text.length)
  return imports
}
