import type { CacheSettings, Case } from './contender.ts'
import { type Handlers, type Opened, openProcess } from './process.ts'

/** What the processes of a scenario are opened with. */
export interface ReaderOptions {
  readonly one: Case
  readonly settings: CacheSettings
}

/** Processes that read through one case's cache: `module` is the scenario's `import.meta.url`, whose `open` they run. */
export async function openReaders<H extends Handlers>(module: string, count: number, options: ReaderOptions): Promise<Readers<H>> {
  const opening = await Promise.allSettled(Array.from({ length: count }, () => openProcess<H>(module, options)))
  const opened = opening.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = opening.find((one) => one.status === 'rejected')
  if (failed) {
    await Promise.all(opened.map((one) => one.stop()))
    throw failed.reason
  }
  return {
    all: opened,
    askAll: (what, argument, deadlineMs) => Promise.all(opened.map((one) => one.ask(what, argument, deadlineMs))),
    stop: async () => void (await Promise.all(opened.map((one) => one.stop()))),
  }
}

export interface Readers<H extends Handlers> {
  readonly all: readonly Opened<H>[]
  askAll<K extends keyof H & string>(what: K, argument: Parameters<H[K]>[0], deadlineMs?: number): Promise<Awaited<ReturnType<H[K]>>[]>
  stop(): Promise<void>
}
