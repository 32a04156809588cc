import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { copyContext } from '../support/image.ts'
import { type Stack, startStack } from '../support/stack.ts'

const run = promisify(execFile)

let stack: Stack
let folder = ''
let origin: ChildProcess | undefined
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tideline-image-'))
  stack = await startStack({ processes: 0 })
  await copyContext(folder)
  await run('npm', ['ci', '--omit=dev', '--ignore-scripts'], { cwd: folder })
}, 180_000)
afterAll(async () => {
  origin?.kill('SIGKILL')
  await stack?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** What the Dockerfile sets, and what a deployer gives; nothing of ours. */
const environment = (port: number) => ({
  PATH: process.env.PATH,
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  PORT: String(port),
  SHUTDOWN_DELAY_MS: '500',
  ...stack.environment,
})

test('with what the image holds, installed as the image installs it, the origin runs, is ready, and ends with 0', async () => {
  const port = await freePort()
  origin = spawn(process.execPath, ['origin/index.ts'], { cwd: folder, env: environment(port), stdio: 'inherit' })
  const ended = once(origin, 'exit')
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200), 20_000)
  origin.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
}, 60_000)

test.each([
  ['migrate', ['--status'], 'applied  0001_tables\n'],
  ['migrate', [], 'already up to date\n'],
  ['preflight', ['--only', 'origin', '--help'], 'Exit code 0'],
  ['empty-cache', ['--yes'], 'emptied the keys "tideline:*"'],
] as const)(
  '%s %j works there too',
  async (command, args, said) => {
    const { stdout } = await run(process.execPath, [`dev/${command}.ts`, ...args], { cwd: folder, env: environment(0) })
    expect(stdout).toContain(said)
  },
  30_000,
)
