import { createDecoder } from './cjson-decode.ts'
import { type LuaVm, type Thread, TYPE } from './vm.ts'

const MAX_DEPTH = 1000
/** An array may have this many times as many places as values, once it is longer than `SAFE_LENGTH`. */
const SPARSE_RATIO = 2
const SAFE_LENGTH = 10

/** lua-cjson's `encode` and `decode` with the settings Redis gives them; its functions that change settings are left out. */
export function createCjson(vm: LuaVm): Readonly<Record<string, (thread: Thread) => number>> {
  const { api } = vm

  /** The length of the table on top of the stack as an array; undefined where it is an object. */
  const arrayLength = (thread: Thread): number | undefined => {
    let longest = 0
    let count = 0
    api._lua_checkstack(thread, 4)
    api._lua_pushnil(thread)
    while (api._lua_next(thread, -2)) {
      const at = api._lua_type(thread, -2) === TYPE.number ? api._lua_tonumber(thread, -2) : Number.NaN
      if (!(Number.isInteger(at) && at >= 1)) {
        vm.pop(thread, 2)
        return undefined
      }
      longest = Math.max(longest, at)
      count++
      vm.pop(thread)
    }
    if (longest > count * SPARSE_RATIO && longest > SAFE_LENGTH) throw new Error('Cannot serialise table: excessively sparse array')
    return longest === 0 ? undefined : longest
  }

  const encodeArray = (thread: Thread, length: number, depth: number): string => {
    const items: string[] = []
    for (let at = 1; at <= length; at++) {
      api._lua_rawgeti(thread, -1, at)
      items.push(encode(thread, depth))
      vm.pop(thread)
    }
    return `[${items.join(',')}]`
  }

  const encodeObject = (thread: Thread, depth: number): string => {
    const fields: string[] = []
    api._lua_pushnil(thread)
    while (api._lua_next(thread, -2)) {
      fields.push(`${encodeKey(thread)}:${encode(thread, depth)}`)
      vm.pop(thread)
    }
    return `{${fields.join(',')}}`
  }

  /** The key below the value on top of the stack. */
  const encodeKey = (thread: Thread): string => {
    const type = api._lua_type(thread, -2)
    if (type === TYPE.string) return quote(vm.toBytes(thread, -2))
    if (type === TYPE.number) return `"${encodeNumber(thread, -2)}"`
    throw new Error(`Cannot serialise ${typeName(type)}: table key must be a number or string`)
  }

  const encodeNumber = (thread: Thread, index: number): string => {
    if (!Number.isFinite(api._lua_tonumber(thread, index))) throw new Error('Cannot serialise number: must not be NaN or Inf')
    api._lua_pushvalue(thread, index) // a copy, because reading a number as a text changes it in place
    const text = vm.toBytes(thread, -1)
    vm.pop(thread)
    return text
  }

  /** The value on top of the stack as JSON. */
  const encode = (thread: Thread, depth: number): string => {
    api._lua_checkstack(thread, 4)
    const type = api._lua_type(thread, -1)
    if (type === TYPE.string) return quote(vm.toBytes(thread, -1))
    if (type === TYPE.number) return encodeNumber(thread, -1)
    if (type === TYPE.boolean) return api._lua_toboolean(thread, -1) ? 'true' : 'false'
    if (type === TYPE.nil || type === TYPE.lightUserdata) return 'null'
    if (type !== TYPE.table) throw new Error(`Cannot serialise ${typeName(type)}: type not supported`)
    if (depth >= MAX_DEPTH) throw new Error(`Cannot serialise, excessive nesting (${depth + 1})`)
    const length = arrayLength(thread)
    return length === undefined ? encodeObject(thread, depth + 1) : encodeArray(thread, length, depth + 1)
  }

  const decode = createDecoder(vm)
  /** Runs `work`; what it throws becomes an error of Lua with the script's line in front. */
  const guarded = (name: string, work: (thread: Thread) => void) => (thread: Thread) => {
    let complaint: string | undefined
    try {
      if (api._lua_gettop(thread) !== 1) throw new Error(`bad argument #1 to '${name}' (expected 1 argument)`)
      work(thread)
    } catch (error) {
      complaint = error instanceof Error ? error.message : String(error)
    }
    return complaint === undefined ? 1 : vm.fail(thread, complaint)
  }
  return {
    encode: guarded('encode', (thread) => vm.pushString(thread, encode(thread, 0))),
    decode: guarded('decode', (thread) => {
      const type = api._lua_type(thread, 1)
      if (type !== TYPE.string && type !== TYPE.number) {
        throw new Error(`bad argument #1 to 'decode' (string expected, got ${typeName(type)})`)
      }
      decode(thread, vm.toBytes(thread, 1))
    }),
  }
}

const typeName = (type: number): string =>
  ['nil', 'boolean', 'userdata', 'number', 'string', 'table', 'function', 'userdata', 'thread'][type] ?? 'no value'

const SHORT: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\f': '\\f',
  '\r': '\\r',
  '"': '\\"',
  '\\': '\\\\',
  '/': '\\/',
}

/** Bytes above 127 pass as they are. */
const quote = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what JSON escapes
  `"${text.replace(/[\0-\x1f"\\/\x7f]/g, (char) => SHORT[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`
