import { treatmentOf } from './commands.ts'
import type { Markdown } from './markdown.ts'

/** Rows of the tables of promises that claim something without a command that shows it. */
export function unprovenIn(document: Markdown): string[] {
  const wrong: string[] = []
  for (const { header, rows } of document.tables) {
    const [promise, command] = [header.indexOf('promise'), header.indexOf('command')]
    if (promise < 0) continue
    for (const { cells, line } of rows) {
      const commands = cells[command]?.code ?? []
      const proven = commands.some((text) => ['tests', 'script', 'run'].includes(treatmentOf(text) ?? '') && text !== 'npm test')
      if (!proven) wrong.push(`${document.file}:${line} "${cells[promise]?.text}" has no command that shows it`)
    }
  }
  return wrong
}
