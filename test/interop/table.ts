import { readFileSync } from 'node:fs'

/** A table of docs/interop.md: the heading of each column, and the cells of each row. */
export interface Table {
  readonly columns: string[]
  readonly rows: string[][]
}

export function tableUnder(heading: string): Table {
  const section = readFileSync('docs/interop.md', 'utf8')
    .split(/^## /m)
    .find((section) => section.startsWith(heading))
  const [columns = [], ...rows] = (section ?? '')
    .split('\n')
    .filter((line) => line.startsWith('|') && !line.startsWith('|-'))
    .map((line) =>
      line
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, -1),
    )
  return { columns, rows }
}

/** The column of a program, by row. */
export function columnOf({ columns, rows }: Table, program: string): Record<string, string> {
  const index = columns.findIndex((name) => name.startsWith(program))
  return Object.fromEntries(
    rows.map(([label = '', ...cells]) => [label, cells[index - 1] ?? 'no such column']),
  )
}
