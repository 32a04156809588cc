import type { Driver, Trouble } from './driver.ts'
import type { Command, History } from './history.ts'
import { createReading } from './reading.ts'
import { createStage, type PlayOptions } from './stage.ts'
import { createWriting } from './writing.ts'

/** What a history came to. */
export interface Played {
  /** Undefined where all was as promised. */
  readonly broken: string | undefined
  readonly pages: number
  /** A line for each event, where it was asked for. */
  readonly story: readonly string[]
}

/** Lives through a history on a system, and judges every page. */
export async function play(history: History, driver: Driver, options: PlayOptions): Promise<Played> {
  const stage = await createStage(history, driver, options)
  const { log, tell, isBroken } = stage
  const write = createWriting(stage)
  const read = createReading(stage)

  async function trouble(what: Trouble): Promise<void> {
    const named = JSON.stringify(what)
    tell(() => named)
    const fault = { what: named, fromMs: driver.nowMs() - ('from' in what ? what.from : 0), toMs: Number.POSITIVE_INFINITY }
    log.faults.push(fault)
    const lasts = await driver.trouble(what)
    fault.toMs = driver.nowMs()
    if (!lasts) log.faults.splice(log.faults.indexOf(fault), 1)
    else tell(() => `over: ${named}`)
  }

  async function act(command: Command): Promise<void> {
    if (isTrouble(command)) await trouble(command)
    else if (!(await write(command))) await read(command)
  }

  const underWay: Promise<void>[] = []
  for (const command of [...history.commands, ...history.ending]) {
    const done = act(command).catch(isBroken)
    underWay.push(done)
    if (command.waits) await done
    if (command.thenMs > 0) await driver.sleep(command.thenMs)
    if (stage.broken !== undefined) break
  }
  if (stage.broken === undefined) await Promise.all(underWay)
  const { broken, pages, story } = stage
  return { broken, pages, story }
}

const TROUBLES: ReadonlySet<string> = new Set<Trouble['does']>([
  'restart isolate',
  'lose keys',
  'flush Redis',
  'replica lag',
  'Redis down',
  'Redis restarts',
  'origin down',
  'Postgres slow',
  'kill origin process',
  'late fan-out',
  'clock steps',
])
const isTrouble = (command: Command): command is Command & Trouble => TROUBLES.has(command.does)
