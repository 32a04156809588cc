import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULTS } from 'tideline/cache'
import { expect, test } from 'vitest'
import { documents, ROOT } from '../support/docs/project.ts'

const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const fencesOf = (file: string) => documents.find((document) => document.file === file)?.fences.filter(({ language }) => language === 'ts')
const tablesOf = (file: string) => documents.find((document) => document.file === file)?.tables ?? []

test.each([
  ['README.md', 0, 'docs/examples/cache-worker/index.ts'],
  ['docs/cache.md', 0, 'docs/examples/one-screen.ts'],
  ['docs/cache.md', 1, 'docs/examples/own-tier/conformance.ts'],
  ['docs/consumers.md', 0, 'docs/examples/search-index.ts'],
])('%s shows in its code block %i exactly what is in %s', (document, at, file) => {
  expect(fencesOf(document)?.[at]?.text).toBe(textOf(file))
})

test('the one screen names every option and every method of the cache', () => {
  const source = textOf('worker/standalone.ts')
  const membersOf = (name: string) => [
    ...(source.split(`interface ${name}`)[1]?.split('\n}')[0] ?? '').matchAll(/^ {2}(?:readonly )?(\w+)[?(:]/gm),
  ]
  const names = ['Options', 'RedisOptions', 'Cache'].flatMap(membersOf).map(([, name]) => name ?? '')
  expect(names).toEqual(expect.arrayContaining(['shared', 'observe', 'deadlineMs', 'get', 'invalidate']))
  const screen = textOf('docs/examples/one-screen.ts')
  expect(['load', 'loadOne', ...names].filter((name) => !new RegExp(`\\b${name}\\b`).test(screen))).toEqual([])
})

test('the settings and their defaults are those of the code', () => {
  const rows = tablesOf('docs/cache.md').find(({ header }) => header[0] === 'setting')?.rows ?? []
  const told = rows.map(({ cells: [name, value] }) => [name?.text, value?.text])
  const shown = (value: unknown) => (typeof value === 'number' ? value.toLocaleString('en') : 'none')
  expect(told).toEqual(Object.entries(DEFAULTS).map(([name, value]) => [name, shown(value)]))
})

test('every event is in the table', () => {
  const rows = tablesOf('docs/cache.md').find(({ header }) => header[0] === 'event')?.rows ?? []
  const told = rows.flatMap(({ cells }) => cells[0]?.code ?? [])
  const declared = [...textOf('worker/cache/events.ts').matchAll(/readonly type: '([\w-]+)'/g)].map(([, name]) => name)
  expect(told.toSorted()).toEqual(declared.toSorted())
})
