import { posix } from 'node:path'
import { codeOf, importsOf, lineAt } from './source-text.ts'

export interface Violation {
  readonly file: string
  readonly line: number
  readonly rule: string
}

interface Room {
  /** The folder, or `folder/*` for the files that lie in it directly. */
  readonly name: string
  /** What its files may import: rooms, single files, packages. A room may always import itself. */
  readonly may: readonly string[]
}

const ANY_PACKAGE = '(any package)'
const WORKER = ['worker/cache', 'worker/feed', 'worker/http', 'worker/demo', 'worker/routes', 'worker/adapters', 'worker/*']
const ORIGIN = [
  'origin/ids',
  'origin/db',
  'origin/timelines',
  'origin/fanout',
  'origin/analytics',
  'origin/monitor',
  'origin/adapters',
  'origin/http',
  'origin/routes',
  'origin/*',
]
const CONTRACT = ['contract', 'contract/l2']
/** Files that declare what a room wants of an adapter. */
const WORKER_PORTS = [
  'worker/cache/ports.ts',
  'worker/cache/entry.ts',
  'worker/feed/origin-port.ts',
  'worker/http/forward-port.ts',
  'worker/http/events.ts',
]
/** What the monitor asks of an edge, how that is signed, and the ports that it declares. */
const LOOK = [
  ...['headers', 'look', 'signature', 'signed'].map((name) => `contract/${name}.ts`),
  ...['answers', 'judge', 'ports'].map((name) => `origin/monitor/${name}.ts`),
]
const EVERYTHING = [ANY_PACKAGE, ...CONTRACT, ...WORKER, ...ORIGIN, 'dev']

/** Which room may import what: docs/architecture.md, The tree, in detail. */
const ROOMS: readonly Room[] = [
  { name: 'contract', may: ['zod'] },
  { name: 'contract/l2', may: [] },
  { name: 'worker/cache', may: [] },
  { name: 'worker/feed', may: [...CONTRACT, 'worker/cache'] },
  { name: 'worker/http', may: ['contract', 'hono', 'worker/cache'] },
  { name: 'worker/demo', may: ['contract', 'hono', 'worker/cache', 'worker/http'] },
  { name: 'worker/routes', may: ['contract', 'hono', 'worker/cache', 'worker/feed', 'worker/http', 'worker/demo'] },
  { name: 'worker/adapters', may: [...CONTRACT, '@upstash/redis', ...WORKER_PORTS] },
  { name: 'worker/*', may: [ANY_PACKAGE, ...CONTRACT, ...WORKER] },
  { name: 'origin/ids', may: [] },
  // The driver copies rows in through a stream of Node.
  { name: 'origin/db', may: ['drizzle-orm', 'postgres', 'node:stream', 'node:stream/promises'] },
  // What they load and push is in the words of L2.
  { name: 'origin/timelines', may: [...CONTRACT, 'origin/db', 'origin/ids'] },
  { name: 'origin/fanout', may: [...CONTRACT, 'origin/db', 'origin/ids'] },
  { name: 'origin/analytics', may: ['contract', 'origin/db'] },
  // What it compares caches with is what they would load.
  { name: 'origin/monitor', may: [...CONTRACT, 'origin/db', 'origin/timelines'] },
  // Bodies of 66 KB cost a third by Node's own HTTP of what they cost by fetch, and its own hashes ask no thread.
  {
    name: 'origin/adapters',
    may: ['contract/l2', ...LOOK, '@upstash/redis', 'node:crypto', 'node:http', 'node:https', 'origin/fanout/l2-port.ts'],
  },
  { name: 'origin/http', may: ['contract', 'hono'] },
  {
    name: 'origin/routes',
    may: [...CONTRACT, 'hono', 'node:crypto', ...ORIGIN.filter((room) => room !== 'origin/*' && room !== 'origin/adapters')],
  },
  { name: 'origin/*', may: [ANY_PACKAGE, ...CONTRACT, ...ORIGIN] },
  // What a browser loads as it lies there.
  { name: 'web', may: [] },
  { name: 'dev', may: EVERYTHING },
  { name: 'test', may: [...EVERYTHING, 'web', 'test', 'bench'] },
  { name: 'bench', may: [...EVERYTHING, 'test', 'bench'] },
]

/** Where time, chance and the environment come in. */
const RIMS = new Set(['worker/index.ts', 'worker/wiring.ts', 'worker/runtime.ts', 'origin/index.ts', 'origin/wiring.ts'])
const EFFECTS =
  /\b(?:Date\s*\??\.\s*now|Math\s*\??\.\s*random|performance\s*\??\.\s*now|process\s*\??\.\s*env|setTimeout|setInterval|new\s+Date\s*\(\s*\))(?![\w$])/g

/** The room a file lies in; undefined for a place that has no rules. */
function roomOf(file: string): Room | undefined {
  const folder = posix.dirname(file)
  const holds = ({ name }: Room) => (name.endsWith('/*') ? folder === name.slice(0, -2) : folder === name || folder.startsWith(`${name}/`))
  return ROOMS.filter(holds).sort((a, b) => b.name.length - a.name.length)[0]
}

function mayImport(room: Room, specifier: string, target: string | undefined): boolean {
  if (target !== undefined) {
    const there = roomOf(target)
    return there !== undefined && (there === room || room.may.includes(there.name) || room.may.includes(target))
  }
  return (
    room.may.includes(ANY_PACKAGE) ||
    room.may.some((name) => specifier === name || (!name.startsWith('node:') && specifier.startsWith(`${name}/`)))
  )
}

/** What a source file does that its room does not allow. `file` is its path from the root of the project. */
export function violationsIn(file: string, source: string): Violation[] {
  const room = roomOf(file)
  if (!room) return [{ file, line: 1, rule: 'lies in no room of the table' }]
  const violations: Violation[] = []
  for (const { specifier, line } of importsOf(source)) {
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : undefined
    // Tools may read what is no source file; a room that has rules may not.
    const free = room.may.includes('dev') || room.name === 'dev'
    if (free && target !== undefined && !/^(?:contract|worker|origin|dev|test|bench)\//.test(target)) continue
    if (!mayImport(room, specifier, target)) violations.push({ file, line, rule: `${room.name} may not import ${target ?? specifier}` })
  }
  if (/^(?:contract|worker|origin)\//.test(file) && !RIMS.has(file)) {
    const code = codeOf(source)
    for (const { index, 0: text } of code.matchAll(EFFECTS)) {
      violations.push({ file, line: lineAt(source, index), rule: `${text.replace(/\s+/g, ' ')} belongs at the rim` })
    }
  }
  return violations
}
