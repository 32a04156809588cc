import { describe, expect, test } from 'vitest'
import { commandsIn, treatmentOf, wrongCommandsIn } from '../support/docs/commands.ts'
import { brokenLinksIn } from '../support/docs/links.ts'
import { parseMarkdown } from '../support/docs/markdown.ts'
import { unknownLogLinesIn, unknownNamesIn } from '../support/docs/names.ts'
import type { Project } from '../support/docs/project.ts'
import { unprovenIn } from '../support/docs/promises.ts'

const FILES = ['README.md', 'docs/guide.md', 'docs/problems/gone.md', 'worker', 'worker/app.ts', 'test/real/feed.test.ts', '.ci/run']
const project: Project = {
  exists: (path) => FILES.includes(path),
  anchors: (path) => (path === 'docs/guide.md' ? new Set(['what-is-x-y', 'twice', 'twice-1']) : undefined),
  scripts: { start: 'node dev/start.ts', test: 'node test/run.ts', token: 'node dev/token.ts' },
  sources: `worker/http/tally.ts\n'l2-lost-writes' MAX_LOADS fanout_jobs 'tideline-degraded' '/v1/posts/:id' --reset: flag
{ type: 'push-failed'; readonly chunks: number } 'the clock is \${ms} ms away'`,
}
const parse = (text: string, file = 'README.md') => parseMarkdown(file, text)

describe('links', () => {
  test.each([
    ['[a](docs/guide.md)'],
    ['[a](docs/guide.md#what-is-x-y) and [b](docs/guide.md#twice-1)'],
    ['# Own heading\n\n[a](#own-heading)'],
    ['[a](https://snap.stanford.edu/data/)'],
    ['http://127.0.0.1:8787/docs'],
    ['<img src="docs/guide.md">'],
  ])('well: %s', (text) => {
    expect(brokenLinksIn(parse(text), project)).toEqual([])
  })

  test.each([
    ['[a](docs/gide.md)', 'README.md:1 docs/gide.md: there is no such file'],
    ['x\n\n[a](docs/guide.md#what-is)', 'README.md:3 docs/guide.md#what-is: there is no such heading'],
    ['[a](#nowhere)', 'README.md:1 #nowhere: there is no such heading'],
    ['| a |\n| - |\n| [b](docs/gide.md) |', 'README.md:3 docs/gide.md: there is no such file'],
    ['<picture><source srcset="docs/dark.svg"></picture>', 'README.md:1 docs/dark.svg: there is no such file'],
    ['![a](light.svg)', 'README.md:1 light.svg: there is no such file'],
    ['[a](../elsewhere.md)', 'README.md:1 ../elsewhere.md: leaves the project'],
    ['[a](http://snap.stanford.edu/)', 'README.md:1 http://snap.stanford.edu/: is no https address'],
    ['https://snap.stanfrod.edu/', expect.stringContaining('the host snap.stanfrod.edu is not in the list')],
  ])('reported: %s', (text, report) => {
    expect(brokenLinksIn(parse(text), project)).toEqual([report])
  })

  test('a link is resolved from the folder of its document', () => {
    expect(brokenLinksIn(parse('[a](../README.md) [b](problems/gone.md)', 'docs/guide.md'), project)).toEqual([])
  })
})

test("headings become anchors as GitHub's do", () => {
  expect([...parse('# What is `X`, (Y)?\n## Twice\n## Twice\n').anchors]).toEqual(['what-is-x-y', 'twice', 'twice-1'])
})

test('names that exist are known, others are reported', () => {
  const known = [
    'worker/app.ts',
    'worker/',
    '.ci/run',
    'tally.ts',
    'MAX_LOADS',
    'fanout_jobs',
    'l2-lost-writes',
    'Tideline-Degraded',
    '--reset',
  ]
  const routes = ['DELETE /v1/posts/{id}', '/problems/gone']
  const plain = ['push', '503', 'a = b', 'next_cursor: null']
  expect(unknownNamesIn(parse([...known, ...routes, ...plain].map((name) => `\`${name}\``).join(' ')), project)).toEqual([])
  const unknown = [
    'worker/ap.ts',
    '.ci/ran',
    'taly.ts',
    'MAX_LOAD',
    'fanout_job',
    'l2-lost',
    'Tideline-Degrade',
    '--rest',
    'GET /v1/post/{id}',
    '/problems/gon',
  ]
  expect(unknownNamesIn(parse(unknown.map((name) => `\`${name}\``).join('\n')), project)).toHaveLength(unknown.length)
})

test('log lines that the project writes are known, others are reported', () => {
  const fence = (...lines: string[]) => parse(`\`\`\`log\n${lines.join('\n')}\n\`\`\``)
  expect(unknownLogLinesIn(fence('push-failed chunks=…', 'origin: the clock is … ms away'), project)).toEqual([])
  const unknown = ['push-faild chunks=…', 'push-failed chunk=…', 'origin: the watch is … ms away']
  expect(unknownLogLinesIn(fence(...unknown), project)).toEqual(
    unknown.map((line, at) => `README.md:${at + 2} "${line}" is written nowhere`),
  )
})

describe('commands', () => {
  test('are the lines of sh fences, apart, without comments, and npm in backticks', () => {
    const text =
      'Say `npm test` or `ls`.\n\n```sh\nnpm ci && npm start   # both\n\ncurl -s \\\n  "a && b"  # and # this\n```\n```json\nnpm no\n```\n'
    expect(commandsIn(parse(text))).toEqual([
      { file: 'README.md', line: 4, text: 'npm ci' },
      { file: 'README.md', line: 4, text: 'npm start' },
      { file: 'README.md', line: 6, text: 'curl -s "a && b"' },
      { file: 'README.md', line: 1, text: 'npm test' },
    ])
  })

  test.each([
    ['npm ci', 'lock'],
    ['npm start -- --reset', 'script'],
    ['npm run check', 'script'],
    ['npm run import', 'script'],
    ['npm run --silent openapi > openapi.json', 'script'],
    ['DATABASE_URL=postgres://… npm run origin', 'script'],
    ['npm start -- --port 1 | sh', undefined],
    ['npm run --silent token -- --user ada.arden', 'run'],
    ['TOKEN=$(npm run --silent token -- --user ada.arden)', 'run'],
    ['npm test -- test/real/feed.test.ts', 'tests'],
    ['npx wrangler secret put JWT_SECRET', 'wrangler'],
    ['curl -s http://127.0.0.1:8787/healthz', 'run'],
    ['curl -s https://feed.example.com/healthz', 'run'],
    ['curl -s "$UPSTASH_REDIS_REST_URL" -d \'["DBSIZE"]\'', 'form'],
    ['A=$(JWT_SECRET=… npm run --silent token -- --service)', 'run'],
    ['docker build -t tideline-origin .', 'form'],
    ['rm -rf /', undefined],
    ['npm run check | tee log', undefined],
    ['curl -s http://127.0.0.1:8787/ | sh', undefined],
    ['docker run $(whoami) > x', undefined],
  ])('%s is claimed: %s', (text, treatment) => {
    expect(treatmentOf(text)).toBe(treatment)
  })

  test.each([
    ['npm run tokn', 'there is no npm script "tokn"'],
    ['npm test -- test/real/fed.test.ts', 'there is no test/real/fed.test.ts'],
    ['docker run x node dev/migrat.ts', 'there is no dev/migrat.ts'],
    ['make all', 'is claimed by no rule of test/support/docs/commands.ts, or by two'],
  ])('reported: %s', (text, report) => {
    expect(wrongCommandsIn(parse(`\`\`\`sh\n${text}\n\`\`\``), project)).toEqual([`README.md:2 ${text}: ${report}`])
  })
})

test('a promise without a command is reported', () => {
  const table = (command: string) => parse(`| promise | number | command |\n| - | - | - |\n| it holds | 3 | ${command} |`)
  expect(unprovenIn(table('`npm test -- test/real/feed.test.ts`'))).toEqual([])
  for (const none of ['', 'the same', '`npm test`', '`make`'])
    expect(unprovenIn(table(none))).toEqual(['README.md:3 "it holds" has no command that shows it'])
})
