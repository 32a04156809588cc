import type { Figures, Row } from '../cache/scenario.ts'
import { spreadOf } from '../cache/statistics.ts'

/** The table of a scenario: a row per title, each figure with its spread over the rounds that gave it; a last row where rounds failed. */
export function rowsOf(found: readonly Readonly<Record<string, Figures>>[], failures: readonly string[]): Row[] {
  const titles = [...new Set(found.flatMap(Object.keys))]
  const rows = titles.map((title): Row => {
    const rounds: Figures[] = found.flatMap((round) => (round[title] ? [round[title]] : []))
    const names = new Set(rounds.flatMap(Object.keys))
    const of = (name: string) => {
      const values = rounds.flatMap((round) => round[name] ?? [])
      const numbers = values.filter((value) => typeof value === 'number')
      return numbers.length > 0 ? spreadOf(numbers) : values.map(String)
    }
    return { title, figures: Object.fromEntries([...names].map((name) => [name, of(name)])), failures: [] }
  })
  return failures.length > 0 ? [...rows, { title: 'failed rounds', figures: {}, failures }] : rows
}
