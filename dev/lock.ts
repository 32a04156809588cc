import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { lineOf, UsageError } from './command-line.ts'
import { commandOf, signalGroup } from './process-table.ts'
import type { Say } from './progress.ts'
import { shown, writePrivately } from './state.ts'

const processSchema = z.object({
  name: z.string(),
  /** Leads a process group. */
  pid: z.int().min(2),
  /** Part of its command line, by which it is known again. */
  mark: z.string().min(1),
  stopSignal: z.enum(['SIGINT', 'SIGTERM']),
})
type Started = z.infer<typeof processSchema>
const runningSchema = z.object({ pid: z.int().positive(), processes: z.array(processSchema) })

/** The one `npm start` of a state directory, and what it runs: `running.json`, there only while it does. */
export interface Lock {
  /** Records a process, so that the next start can end it should we be killed. */
  record(started: Started): Promise<void>
  release(): Promise<void>
}

const COMMAND = 'start.ts'
/** Postgres writes all it has in memory; nobody else holds what cannot be lost. */
const STOP_DEADLINE_MS = { SIGINT: 10_000, SIGTERM: 2_000 }

/** Takes the state directory, or throws where another start holds it. What a start that was killed left running is ended first. */
export async function lockState(dir: string, say: Say): Promise<Lock> {
  const path = join(dir, 'running.json')
  const running: z.infer<typeof runningSchema> = { pid: process.pid, processes: [] }
  for (let attempt = 0; ; attempt += 1) {
    try {
      await writeFile(path, JSON.stringify(running), { flag: 'wx', mode: 0o600 })
      break
    } catch (error) {
      const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST'
      if (!exists || attempt > 2) throw new UsageError(`cannot write to ${dir}: ${lineOf(error)}`, { cause: error })
    }
    const left = runningSchema.safeParse(JSON.parse(await readFile(path, 'utf8').catch(() => 'null')) ?? undefined)
    if (left.success && (await isRunning(left.data.pid))) {
      throw new UsageError(`another "npm start" (process ${left.data.pid}) already runs on ${shown(dir)}: stop it, or give --state-dir`)
    }
    if (left.success) await endLeftovers(await withPostgres(left.data.processes, dir), say)
    await rm(path, { force: true })
  }
  let writing: Promise<unknown> = Promise.resolve()
  return {
    record: async (started) => {
      running.processes.push(started)
      writing = writing.then(() => writePrivately(path, `${JSON.stringify(running, undefined, 2)}\n`))
      await writing
    },
    release: async () => {
      await writing.catch(() => {})
      await rm(path, { force: true })
    },
  }
}

/** Whether that number still means a start. In a container that was started anew it may well be our own, or our shell's. */
export async function isRunning(pid: number | null): Promise<boolean> {
  return pid !== null && pid !== process.pid && pid !== process.ppid && ((await commandOf(pid))?.includes(COMMAND) ?? false)
}

/** Postgres says by itself who runs on its data: a start may have been killed before it could record that. */
async function withPostgres(processes: readonly Started[], dir: string): Promise<readonly Started[]> {
  const mark = join(dir, 'postgres')
  const pid = Number.parseInt(await readFile(join(mark, 'postmaster.pid'), 'utf8').catch(() => ''), 10)
  if (!(pid > 1) || processes.some((started) => started.pid === pid)) return processes
  return [...processes, { name: 'Postgres', pid, mark, stopSignal: 'SIGINT' }]
}

async function endLeftovers(processes: readonly Started[], say: Say): Promise<void> {
  for (const { name, pid, mark, stopSignal } of processes.toReversed()) {
    const remains = async () => (await commandOf(pid))?.includes(mark) ?? false
    if (!(await remains())) continue
    say(`ending ${name} (process ${pid}), which a killed start left behind`)
    signalGroup(pid, stopSignal)
    for (const endsAtMs = performance.now() + STOP_DEADLINE_MS[stopSignal]; (await remains()) && performance.now() < endsAtMs; )
      await sleep(20)
    signalGroup(pid, 'SIGKILL')
  }
}
