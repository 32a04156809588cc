import { type CommandTable, read, write } from '../command.ts'
import { typeOf } from '../keyspace.ts'
import { type Bytes, CommandError, OK, parseInt64, Status, syntaxError } from '../reply.ts'

const remove = write(-2, (keys, { keyspace }) => keys.filter((key) => keyspace.has(key) && keyspace.remove(key)).length)

const flush = write(-1, (options, { keyspace }) => {
  if (options.length > 1 || !options.every((option) => /^a?sync$/i.test(option))) throw syntaxError()
  keyspace.clear()
  return OK
})

/** Commands on keys of any type. */
export const keys: CommandTable = {
  exists: read(-2, (keys, { keyspace }) => keys.filter(keyspace.has).length),
  type: read(2, ([key = ''], { keyspace }) => {
    const value = keyspace.get(key)
    return new Status(value === undefined ? 'none' : typeOf(value))
  }),
  keys: read(2, ([pattern = ''], { keyspace }) => keyspace.keys().filter(globMatcher(pattern))),
  scan: read(-2, ([cursor = '', ...options], { keyspace }) => {
    if (!/^\d{1,20}$/.test(cursor)) throw new CommandError('ERR invalid cursor')
    const { pattern, type } = parseScanOptions(options)
    const isWanted = (key: Bytes) => type === undefined || typeOf(keyspace.get(key) ?? '') === type
    return ['0', keyspace.keys().filter(globMatcher(pattern)).filter(isWanted)] // all in one answer: its contract allows it
  }),
  dbsize: read(1, (_, { keyspace }) => keyspace.size),
  del: remove,
  unlink: remove,
  flushall: flush,
  flushdb: flush,
}

function parseScanOptions(options: readonly Bytes[]): { readonly pattern: Bytes; readonly type: string | undefined } {
  let pattern = '*'
  let type: string | undefined
  for (let i = 0; i < options.length; i += 2) {
    const [option, value] = [(options[i] ?? '').toUpperCase(), options[i + 1]]
    if (value === undefined) throw syntaxError()
    if (option === 'MATCH') pattern = value
    else if (option === 'TYPE') type = value.toLowerCase()
    else if (option !== 'COUNT' || parseInt64(value) < 1n) throw syntaxError()
  }
  return { pattern, type }
}

/** Tells which texts a glob of Redis covers: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before what is meant as it is. */
export function globMatcher(pattern: Bytes): (text: Bytes) => boolean {
  const source = pattern.replace(/\\([\s\S])|\[(\^?)([^\]]*)\]|([\s\S])/g, (_, escaped, not, set, plain) => {
    if (set !== undefined) {
      const ordered = set.replace(/([\s\S])-([\s\S])/g, (range: string, a: string, b: string) => (a <= b ? range : `${b}-${a}`))
      return set === '' ? '(?!)' : `[${not}${ordered.replace(/[\\^[\]]/g, '\\$&')}]`
    }
    if (plain === '*') return '[\\s\\S]*'
    if (plain === '?') return '[\\s\\S]'
    return (escaped ?? plain).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  })
  const regExp = new RegExp(`^${source}$`)
  return (text) => regExp.test(text)
}
