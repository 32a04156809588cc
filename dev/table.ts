/** Columns side by side: the first one, and those whose heads are empty or named as words, to the left, figures to the right. */
export function table(rows: readonly (readonly string[])[], ...words: readonly string[]): string {
  const heads = rows[0] ?? []
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const isWords = (column: number) => column === 0 || ['', ...words].includes(heads[column] ?? '')
  return rows
    .map((row) =>
      row
        .map((cell, column) => (isWords(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('   ')
        .trimEnd(),
    )
    .join('\n')
}
