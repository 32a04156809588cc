import type { Bytes } from '../reply.ts'
import type { LuaVm, Thread } from './vm.ts'

const MAX_DEPTH = 1000
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', '"': '"', '\\': '\\', '/': '/' }
const NUMBER = /[-+]?(?:0x[\da-f]+|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf(?:inity)?|nan)/iy
const MARKS: Readonly<Record<string, string>> = {
  '{': 'T_OBJ_BEGIN',
  '}': 'T_OBJ_END',
  '[': 'T_ARR_BEGIN',
  ']': 'T_ARR_END',
  ',': 'T_COMMA',
  ':': 'T_COLON',
}
const WORDS: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null }

/** A piece of JSON with lua-cjson's name for its kind; `at` is its place from 0. */
interface Token {
  readonly kind: string
  readonly value: string | number | boolean | null
  readonly at: number
}

/** lua-cjson's `decode`: pushes what a JSON text says. It takes more than JSON (hexadecimal numbers, nan); its complaints are lua-cjson's. */
export function createDecoder(vm: LuaVm): (thread: Thread, text: Bytes) => void {
  const { api } = vm
  return (thread, text) => {
    const next = createTokens(text)
    const expected = (what: string, { kind, at }: Token): Error => new Error(`Expected ${what} but found ${kind} at character ${at + 1}`)

    const value = (token: Token, depth: number): void => {
      api._lua_checkstack(thread, 4)
      if (depth > MAX_DEPTH) throw new Error(`Found too many nested data structures (${depth})`)
      if (token.kind === 'T_STRING') vm.pushString(thread, String(token.value))
      else if (token.kind === 'T_NUMBER') api._lua_pushnumber(thread, Number(token.value))
      else if (token.kind === 'T_BOOLEAN') api._lua_pushboolean(thread, token.value ? 1 : 0)
      else if (token.kind === 'T_NULL') api._lua_pushlightuserdata(thread, 0)
      else if (token.kind === 'T_OBJ_BEGIN') object(depth + 1)
      else if (token.kind === 'T_ARR_BEGIN') array(depth + 1)
      else throw expected('value', token)
    }
    const object = (depth: number): void => {
      api._lua_createtable(thread, 0, 0)
      let token = next()
      if (token.kind === 'T_OBJ_END') return
      for (;;) {
        if (token.kind !== 'T_STRING') throw expected('object key string', token)
        vm.pushString(thread, String(token.value))
        const colon = next()
        if (colon.kind !== 'T_COLON') throw expected('colon', colon)
        value(next(), depth)
        api._lua_rawset(thread, -3)
        const after = next()
        if (after.kind === 'T_OBJ_END') return
        if (after.kind !== 'T_COMMA') throw expected('comma or object end', after)
        token = next()
      }
    }
    const array = (depth: number): void => {
      api._lua_createtable(thread, 0, 0)
      let token = next()
      if (token.kind === 'T_ARR_END') return
      for (let at = 1; ; at++) {
        value(token, depth)
        api._lua_rawseti(thread, -2, at)
        const after = next()
        if (after.kind === 'T_ARR_END') return
        if (after.kind !== 'T_COMMA') throw expected('comma or array end', after)
        token = next()
      }
    }
    value(next(), 0)
    const end = next()
    if (end.kind !== 'T_END') throw expected('the end', end)
  }
}

function createTokens(text: Bytes): () => Token {
  let at = 0
  return () => {
    while (/[ \t\n\r]/.test(text[at] ?? '')) at++
    const start = at
    const char = text[at]
    if (char === undefined) return { kind: 'T_END', value: null, at }
    const mark = MARKS[char]
    if (mark) {
      at++
      return { kind: mark, value: null, at: start }
    }
    if (char === '"') return string()
    NUMBER.lastIndex = at
    const [number] = NUMBER.exec(text) ?? []
    if (number !== undefined) {
      at += number.length
      return { kind: 'T_NUMBER', value: parseNumber(number), at: start }
    }
    const [word] = /^(true|false|null)/.exec(text.slice(at, at + 5)) ?? []
    if (word === undefined) return { kind: 'invalid token', value: null, at }
    at += word.length
    const value = WORDS[word] ?? null
    return { kind: value === null ? 'T_NULL' : 'T_BOOLEAN', value, at: start }
  }

  function string(): Token {
    const start = at++
    let value = ''
    for (;;) {
      const char = text[at]
      if (char === undefined) return { kind: 'unexpected end of string', value: null, at }
      if (char === '"') break
      if (char !== '\\') {
        value += char
        at++
        continue
      }
      const escaped = text[at + 1] ?? ''
      const unicode = escaped === 'u' ? parseUnicode(text.slice(at, at + 12)) : undefined
      if (escaped === 'u' && unicode === undefined) return { kind: 'invalid unicode escape code', value: null, at }
      const plain = unicode?.bytes ?? ESCAPES[escaped]
      if (plain === undefined) return { kind: 'invalid escape code', value: null, at }
      value += plain
      at += unicode?.length ?? 2
    }
    at++
    return { kind: 'T_STRING', value, at: start }
  }
}

/** `\uXXXX`, or a pair of them, as bytes of UTF-8. */
function parseUnicode(text: string): { readonly bytes: Bytes; readonly length: number } | undefined {
  const found = /^\\u(?:(d[89ab][\da-f]{2})\\u(d[c-f][\da-f]{2})|((?!d[89ab])[\da-f]{4}))/i.exec(text)
  if (!found) return undefined
  const units = [found[1] ?? found[3], found[2]].flatMap((hex) => (hex === undefined ? [] : [Number.parseInt(hex, 16)]))
  return { bytes: Buffer.from(String.fromCharCode(...units)).toString('latin1'), length: found[0].length }
}

function parseNumber(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1
  const digits = text.replace(/^[-+]/, '').toLowerCase()
  if (digits.startsWith('inf')) return sign * Number.POSITIVE_INFINITY
  return digits === 'nan' ? Number.NaN : sign * Number(digits)
}
