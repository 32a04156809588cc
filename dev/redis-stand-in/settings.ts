import { UsageError } from '../command-line.ts'

/** What is understood of redis-server's configuration, with its defaults. */
const DEFAULTS: Readonly<Record<string, string>> = {
  port: '6379',
  bind: '127.0.0.1',
  dir: '.',
  dbfilename: 'dump.rdb',
  save: '3600 1 300 100 60 10000',
  appendonly: 'no',
  databases: '1',
  maxmemory: '0',
  'maxmemory-policy': 'noeviction',
  'stop-writes-on-bgsave-error': 'yes',
}

/** redis-server's command line, `--name value …`, as settings. */
export function parseSettings(words: readonly string[]): Map<string, string> {
  const settings = new Map(Object.entries(DEFAULTS))
  for (let at = 0; at < words.length; ) {
    const name = /^--([a-z-]+)$/.exec(words[at] ?? '')?.[1] ?? ''
    if (!settings.has(name)) throw new UsageError(`the stand-in for Redis does not know the argument "${words[at]}"`)
    const values: string[] = []
    for (at++; at < words.length && !words[at]?.startsWith('--'); at++) values.push(words[at] ?? '')
    settings.set(name, values.join(' '))
  }
  if (settings.get('appendonly') !== 'no') throw new UsageError('the stand-in for Redis keeps no log of writes: --appendonly no')
  return settings
}
