import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ValidationSeverity, validate } from 'dockerfile-utils'
import { expect, test } from 'vitest'
import { allowedInImage, ROOT } from '../support/image.ts'
import { importsOf } from '../support/source-text.ts'

const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

/** What the linter says, and what it does not know: conventions of Node's images. */
function complaintsAbout(text: string): string[] {
  const strict = { deprecatedMaintainer: ValidationSeverity.ERROR, instructionJSONInSingleQuotes: ValidationSeverity.ERROR }
  const linted = validate(text, strict).map(({ message }) => String(message))
  const bases = [...text.matchAll(/^FROM (\S+)/gm)].map((match) => match[1] ?? '')
  const last = text.slice(text.lastIndexOf('\nFROM '))
  const rules: [string, boolean][] = [
    ['every base is Node as the tests run it, slim', bases.every((base) => base === `node:${manifest.devDependencies.node}-slim`)],
    ['it runs as node', /^USER node$/m.test(last) && !/^USER (?!node$)/m.test(last)],
    ['dependencies are those of the lock, without those of development', /^RUN npm ci --omit=dev/m.test(text)],
    ['it starts node itself, in exec form', /^CMD \["node", /m.test(last)],
    ['NODE_ENV is production', /^ENV .*NODE_ENV=production/m.test(last)],
    ['whether it lives is asked', /^HEALTHCHECK .*\\\n {2}CMD \["node", .*\/healthz/m.test(last)],
    ['nothing is fetched but through npm', !/^ADD |curl|wget|apt-get/m.test(text)],
  ]
  return [...linted, ...rules.flatMap(([rule, kept]) => (kept ? [] : [rule]))]
}

test('the Dockerfile passes its linter and keeps the conventions of Node images', () => {
  expect(complaintsAbout(dockerfile)).toEqual([])
})

test.each([
  ['as root', 'USER node', 'USER root', 'it runs as node'],
  ['a moving base', /node:[\d.]+-slim$/m, 'node:latest', 'every base is Node as the tests run it, slim'],
  ['through a shell', 'CMD ["node", "origin/index.ts"]', 'CMD npm run origin', 'it starts node itself, in exec form'],
  ['with dependencies of development', ' --omit=dev', '', 'dependencies are those of the lock, without those of development'],
  ['a port that is none', 'EXPOSE 8788', 'EXPOSE a', 'Invalid containerPort: a'],
  ['an unknown instruction', 'WORKDIR /app', 'WORKDIRR /app', 'Unknown instruction: WORKDIRR'],
])('planted: %s', (_, piece, instead, complaint) => {
  expect(complaintsAbout(dockerfile.replace(piece, instead))).toContain(complaint)
})

test('the image holds everything that the origin and its commands import, and nothing of development', async () => {
  const allowed = await allowedInImage()
  const seen = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const { specifier } of importsOf(readFileSync(join(ROOT, file), 'utf8'))) {
      if (specifier.startsWith('.')) visit(join(file, '..', specifier))
    }
  }
  for (const file of ['origin/index.ts', 'dev/migrate.ts', 'dev/preflight.ts', 'dev/empty-cache.ts']) visit(file)
  for (const file of seen) expect(allowed).toContain(file.split('/')[0])
  for (const name of ['node_modules', '.git', '.tideline', '.env', 'test', 'wrangler.toml']) expect(allowed).not.toContain(name)
})
