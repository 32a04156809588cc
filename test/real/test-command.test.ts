import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const COMMAND = fileURLToPath(new URL('../run.ts', import.meta.url))
const FILES = {
  'vitest.config.mjs': 'export default { test: { globals: true } }',
  'good.test.js': 'test("a", () => {}); test("b", () => {})',
  'bad.test.js': 'test("c", () => {}); test("d", () => { throw new Error("as meant") }); test.skip("e", () => {})',
  'broken.test.js': 'throw new Error("as meant")',
}
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tideline-run-'))
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function lastLine(...args: string[]): Promise<readonly [code: number, line: string]> {
  const all = [COMMAND, '--root', folder, '--config', join(folder, 'vitest.config.mjs'), ...args]
  const { code, stdout } = await promisify(execFile)(process.execPath, all).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  )
  return [code, stdout.trimEnd().split('\n').at(-1) ?? '']
}

test.concurrent.for([
  ['what passed', ['good'], 0, '2 passed, 0 failed'],
  ['what failed and was skipped', ['good', 'bad'], 1, '3 passed, 1 failed, 1 skipped'],
  ['a file that cannot be loaded as a failure', ['good', 'broken'], 1, '2 passed, 1 failed'],
  ['that nothing ran as a failure', ['nowhere'], 1, '0 passed, 0 failed'],
] as const)('npm test closes with a line that counts %s', async ([, args, code, line], { expect }) => {
  expect(await lastLine(...args)).toEqual([code, line])
})

test('arguments are passed on to vitest', async () => {
  expect(await lastLine('good', '-t', 'b')).toEqual([0, '1 passed, 0 failed, 1 skipped'])
})

test('an unknown Redis is refused in one line, with exit code 2', async () => {
  const env = { ...process.env, TIDELINE_REDIS: 'fake' }
  const refused = promisify(execFile)(process.execPath, [COMMAND, 'good'], { env })
  await expect(refused).rejects.toMatchObject({ code: 2, stdout: '', stderr: 'which Redis? "real" or "stand-in", not "fake"\n' })
})
