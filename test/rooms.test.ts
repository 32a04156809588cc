import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { violationsIn } from './support/rooms.ts'
import { codeOf, importsOf } from './support/source-text.ts'

const ROOT = join(import.meta.dirname, '..')
const FOLDERS = ['contract', 'worker', 'origin', 'web', 'dev', 'test', 'bench']

const sources = (
  await Promise.all(
    FOLDERS.map(async (folder) =>
      (
        await readdir(join(ROOT, folder), { recursive: true })
      )
        .filter((name) => /\.[cm]?[jt]sx?$/.test(name) && !name.includes('node_modules'))
        .map((name) => join(folder, name).replaceAll('\\', '/')),
    ),
  )
).flat()

const readable = (violations: ReturnType<typeof violationsIn>) => violations.map(({ file, line, rule }) => `${file}:${line} ${rule}`)

test('every room imports only what its row of the table allows, and time, chance and environment come in at the rim', () => {
  expect(sources.length).toBeGreaterThan(100)
  expect(sources.flatMap((file) => readable(violationsIn(file, readFileSync(join(ROOT, file), 'utf8'))))).toEqual([])
})

test('every import of the project is seen: as many as a plain search for lines finds', () => {
  for (const file of sources.filter((file) => !file.startsWith('test/'))) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    const lines = [...text.matchAll(/^(?:import\b.*|\}) from '(.*)'$|^import '(.*)'$|^export .* from '(.*)'$/gm)].map(
      (match) => match[1] ?? match[2] ?? match[3],
    )
    expect(
      importsOf(text).map(({ specifier }) => specifier),
      file,
    ).toEqual(expect.arrayContaining(lines))
  }
})

test.each([
  ['contract/a.ts', `import { x } from 'hono'`, 'contract may not import hono'],
  ['contract/a.ts', `import { x } from './l2/keys.ts'`, 'contract may not import contract/l2/keys.ts'],
  ['contract/l2/a.ts', `import * as z from 'zod'`, 'contract/l2 may not import zod'],
  ['contract/l2/a.ts', `import type { Entry } from '../entry.ts'`, 'contract/l2 may not import contract/entry.ts'],
  ['worker/cache/a.ts', `import { keyOf } from '../../contract/l2/keys.ts'`, 'worker/cache may not import contract/l2/keys.ts'],
  ['worker/cache/a.ts', `import { sleep } from 'node:timers/promises'`, 'worker/cache may not import node:timers/promises'],
  ['worker/feed/a.ts', `import { y } from '../http/respond.ts'`, 'worker/feed may not import worker/http/respond.ts'],
  ['worker/feed/a.ts', `import { Hono } from 'hono'`, 'worker/feed may not import hono'],
  ['worker/http/a.ts', `import { y } from '../feed/keys.ts'`, 'worker/http may not import worker/feed/keys.ts'],
  ['worker/http/a.ts', `import { y } from '../../contract/l2/keys.ts'`, 'worker/http may not import contract/l2/keys.ts'],
  ['worker/routes/a.ts', `import { y } from '../adapters/redis-tier.ts'`, 'worker/routes may not import worker/adapters/redis-tier.ts'],
  ['worker/routes/a.ts', `import { y } from '../wiring.ts'`, 'worker/routes may not import worker/wiring.ts'],
  ['worker/adapters/a.ts', `import { y } from '../cache/limiter.ts'`, 'worker/adapters may not import worker/cache/limiter.ts'],
  ['worker/adapters/a.ts', `import { y } from '../feed/merge.ts'`, 'worker/adapters may not import worker/feed/merge.ts'],
  ['worker/wiring.ts', `import { y } from '../origin/config.ts'`, 'worker/* may not import origin/config.ts'],
  ['worker/index.ts', `import { y } from '../dev/ports.ts'`, 'worker/* may not import dev/ports.ts'],
  ['origin/ids/a.ts', `import { EPOCH_MS } from '../../contract/ids.ts'`, 'origin/ids may not import contract/ids.ts'],
  ['origin/db/a.ts', `import { y } from '../../contract/post.ts'`, 'origin/db may not import contract/post.ts'],
  ['origin/db/a.ts', `import { y } from 'node:fs'`, 'origin/db may not import node:fs'],
  ['origin/timelines/a.ts', `import { y } from '../fanout/deliver.ts'`, 'origin/timelines may not import origin/fanout/deliver.ts'],
  ['origin/fanout/a.ts', `import { sql } from 'drizzle-orm'`, 'origin/fanout may not import drizzle-orm'],
  ['origin/adapters/a.ts', `import { y } from '../fanout/deliver.ts'`, 'origin/adapters may not import origin/fanout/deliver.ts'],
  ['origin/adapters/a.ts', `import { y } from '../../contract/post.ts'`, 'origin/adapters may not import contract/post.ts'],
  ['origin/http/a.ts', `import { y } from '../db/client.ts'`, 'origin/http may not import origin/db/client.ts'],
  ['origin/routes/a.ts', `import { y } from 'postgres'`, 'origin/routes may not import postgres'],
  ['origin/routes/a.ts', `import { y } from '../../worker/http/tally.ts'`, 'origin/routes may not import worker/http/tally.ts'],
  ['origin/app.ts', `import { y } from '../worker/config.ts'`, 'origin/* may not import worker/config.ts'],
  ['origin/app.ts', `import { y } from '../test/support/random.ts'`, 'origin/* may not import test/support/random.ts'],
  ['web/app/a.js', `import { y } from '../../contract/ids.ts'`, 'web may not import contract/ids.ts'],
  ['dev/a.ts', `import { y } from '../test/support/random.ts'`, 'dev may not import test/support/random.ts'],
  ['worker/lists/a.ts', '', 'lies in no room of the table'],
])('planted: in %s, %s', (file, source, rule) => {
  expect(violationsIn(file, source)).toEqual([{ file, line: 1, rule }])
})

test.each([
  ['on several lines', `import {\n  a,\n  type b,\n} from 'hono'`, 4],
  ['for its effect', `\nimport 'hono'`, 2],
  ['of a namespace', `import * as all from "hono"`, 1],
  ['of a default', `import all, { a } from 'hono'`, 1],
  ['of a sub-path', `import { a } from 'hono/jwt'`, 1],
  ['exported on', `\n\nexport { a } from 'hono'`, 3],
  ['exported on as a whole', `export * from 'hono'`, 1],
  ['dynamic', `const a = 1\nconst b = await import('hono')`, 2],
  ['dynamic and computed', `const b = await import(\`./\${a}.ts\`)`, 1],
  ['of a type in passing', `let a: import('hono').Context`, 1],
  ['by require', `const a = require('hono')`, 1],
  ['after a slash that divides', `const a = b / 2 // '\nimport c from 'hono'`, 2],
  ['after a quote in a regular expression', `const a = /['"\`]/\nimport c from 'hono'`, 2],
  ['inside a template literal', `const a = \`\${await import("hono")}\``, 1],
])('planted: an import %s', (_, source, line) => {
  expect(violationsIn('worker/cache/a.ts', source)).toEqual([expect.objectContaining({ line })])
})

test.each([
  'Date.now()',
  'Math.random()',
  'performance.now()',
  'process.env.HOME',
  'setTimeout(f)',
  'globalThis.setInterval(f)',
  'Date\n  .now',
  'new Date()',
])('planted: %s outside the rim', (code) => {
  const source = `/** Not this Date.now(). */\nconst a = "Math.random()"\nconst b = \`\${${code}} setTimeout\`\n`
  for (const file of ['contract/a.ts', 'worker/cache/a.ts', 'worker/app.ts', 'origin/db/a.ts', 'origin/db/index.ts']) {
    expect(violationsIn(file, source), file).toEqual([expect.objectContaining({ file, line: 3 })])
  }
  for (const file of ['worker/index.ts', 'worker/wiring.ts', 'origin/index.ts', 'origin/wiring.ts', 'dev/a.ts']) {
    expect(violationsIn(file, source), file).toEqual([])
  }
})

test('what is no import is none', () => {
  const source = [
    "// import a from 'hono'",
    "/* import 'hono' */",
    'const from = "import a from \'hono\'"',
    'x.import("hono")',
    'import.meta.url',
  ].join('\n')
  expect(importsOf(source)).toEqual([])
})

test('comments, strings and regular expressions are no code; the rest stays where it was', () => {
  const source = [
    "a // b 'c'",
    "d /* e\n'f */ g",
    "'h\\'i' + \"j\"",
    `\`k \${l + \`m \${n}\` + { o: 1 }.o} p\``,
    '/q[/\\]]r/.test(s) / t',
  ].join('\n')
  const code = codeOf(source)
  expect(code).toHaveLength(source.length)
  expect(code.match(/[a-z]+/g)).toEqual(['a', 'd', 'g', 'l', 'n', 'o', 'o', 'test', 's', 't'])
})
