import { isStrayDriverError } from '../origin/db/stray-error.ts'
import { runCommand } from './command-line.ts'
import { createLifetime, Interrupted, type Lifetime } from './lifetime.ts'
import { lockState } from './lock.ts'
import { parseOptions, USAGE } from './options.ts'
import { planStack } from './plan.ts'
import { createProgress, type Say } from './progress.ts'
import { chooseRedis } from './redis-server.ts'
import { openStateDir, readState, resetState, shown, writeState } from './state.ts'

/** A terminal sends Ctrl-C to us and to npm, which passes it on: only a later one means impatience (milliseconds). */
const IMPATIENT_AFTER_MS = 1_000
const PARENT_POLL_MS = 500

async function main(args: string[]): Promise<void> {
  const options = parseOptions(args)
  if (!options) return void process.stdout.write(USAGE)
  const { stateDir } = options
  const redisProgram = options.redisUrl ? undefined : await chooseRedis(options.redis)
  const progress = createProgress()
  const life = createLifetime()
  stopOnSignal(life, progress.say)
  process.on('uncaughtException', (error) => isStrayDriverError(error) || life.end(error))
  await openStateDir(stateDir)
  const lock = await lockState(stateDir, progress.say)
  try {
    if (options.reset) {
      await resetState(stateDir)
      progress.say(`what was kept in ${shown(stateDir)} is dropped`)
    }
    const plan = await planStack(options, progress.say)
    const { bringUp } = await import('./bring-up.ts') // who only asks for help need not wait for all of it
    try {
      process.stdout.write(await life.during(() => bringUp({ options, plan, redisProgram, life, lock, progress })))
      await life.ended
    } finally {
      await life.stopAll()
    }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    progress.say('everything is stopped')
  } finally {
    const state = await readState(stateDir).catch(() => undefined)
    if (state) await writeState(stateDir, { ...state, pid: null })
    await lock.release()
  }
}

function stopOnSignal(life: Lifetime, say: Say): void {
  let firstAtMs: number | undefined
  const onSignal = () => {
    if (firstAtMs === undefined) say('stopping')
    else if (performance.now() - firstAtMs > IMPATIENT_AFTER_MS) process.exit(130)
    firstAtMs ??= performance.now()
    life.end(new Interrupted())
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal)
  process.stdout.on('error', () => life.end(new Interrupted())) // the terminal is gone
  if (!process.env.npm_lifecycle_event) return
  // npm puts a shell between us and a SIGTERM, which ends the shell alone.
  const shell = process.ppid
  setInterval(() => process.ppid !== shell && life.end(new Interrupted()), PARENT_POLL_MS).unref()
}

await runCommand(main)
