import { readFile } from 'node:fs/promises'
import { Miniflare } from 'miniflare'
import { startWorkerd } from '../workerd.ts'

/** Where isolates run. */
export interface Runner {
  /** One URL per isolate. */
  readonly urls: readonly string[]
  stop(): Promise<void>
}

interface Options {
  /** The bundle of the cache worker. */
  readonly bundle: string
  readonly bindings: Readonly<Record<string, string>>
}

const inWorkerd =
  (isolates: number) =>
  (options: Options): Promise<Runner> =>
    startWorkerd({ ...options, isolates })

/** What `wrangler dev` and the vitest plugin are made of: several workers in one process, each with a socket of its own. */
async function inMiniflare({ bundle, bindings }: Options): Promise<Runner> {
  const contents = await readFile(bundle, 'utf8')
  const names = ['first', 'second', 'third']
  const miniflare = new Miniflare({
    workers: names.map((name) => ({
      config: {
        name,
        compatibilityDate: '2026-10-01',
        manifest: { mainModule: 'index.js', modulesRoot: '/', modules: { 'index.js': { type: 'esm' as const, contents } } },
        env: Object.fromEntries(Object.entries(bindings).map(([key, value]) => [key, { type: 'text' as const, value }])),
      },
      dev: { unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }] },
    })),
  })
  await miniflare.ready
  const urls = await Promise.all(names.map(async (name) => (await miniflare.unsafeGetDirectURL(name)).origin))
  return { urls, stop: () => miniflare.dispose() }
}

/** Every place the suite runs in, by name. */
export const RUNNERS = [
  ['workerd, one isolate', inWorkerd(1)],
  ['workerd, three isolates in a process', inWorkerd(3)],
  ['Miniflare, three workers in a process', inMiniflare],
] as const
