import fc from 'fast-check'
import type { Bytes } from '../../../dev/redis-stand-in/reply.ts'
import { anyCommand, anyKey } from './commands.ts'

/** Numbers as texts, but not what is none: its sign is the processor's business. */
const PROLOGUE = `local function s(x) if x ~= x then return 'none' end return tostring(x) end `

const literal = fc.constantFrom(
  '0',
  '1',
  '-1',
  '2',
  '3',
  '10',
  '0.1',
  '1.5',
  '-2.5',
  '1e15',
  '1e14',
  '1e300',
  '2^53',
  '#KEYS',
  '(#ARGV)',
  'math.huge',
)
const { number, value, call } = fc.letrec<{ number: string; text: string; value: string; call: string }>((tie) => ({
  number: fc.oneof(
    { maxDepth: 3 },
    { arbitrary: literal, weight: 3 },
    fc.tuple(tie('number'), fc.constantFrom('+', '-', '*', '/', '%', '^'), tie('number')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('text').map((t) => `#${t}`),
    tie('text').map((t) => `(tonumber(${t}) or 0)`),
    tie('number').map((n) => `math.floor(${n})`),
  ),
  text: fc.oneof(
    { maxDepth: 3 },
    {
      arbitrary: fc.constantFrom(`'v'`, `''`, `'10'`, `'\\255\\0'`, `' 7 '`, '(ARGV[1] or "none")', `'0x10'`, `'a,b,c'`, '_VERSION'),
      weight: 3,
    },
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `(${a} .. ${b})`),
    tie('number').map((n) => `s(${n})`),
    fc
      .tuple(tie('text'), fc.integer({ min: -3, max: 6 }), fc.integer({ min: -3, max: 6 }))
      .map(([t, a, b]) => `string.sub(${t}, ${a}, ${b})`),
    fc.tuple(fc.constantFrom('upper', 'lower', 'reverse'), tie('text')).map(([name, t]) => `string.${name}(${t})`),
    fc
      .tuple(fc.constantFrom('%d', '%5.2f', '%08d', '%g', '%s', '%x', '%q'), fc.integer({ min: 0, max: 99_999 }))
      .map(([f, n]) => `string.format('${f}', ${n})`),
    tie('text').map((t) => `string.gsub(${t}, '%d', '<%0>')`),
    tie('text').map((t) => `(string.match(${t}, '^(.-),') or '')`),
    tie('value').map((v) => `type(${v})`),
    tie('text').map((t) => `redis.sha1hex(${t})`),
    tie('value').map((v) => `cjson.encode(${v})`),
  ),
  call: fc
    .tuple(fc.constantFrom('call', 'pcall', 'pcall'), anyCommand)
    .map(([name, words]) => `redis.${name}(${words.map(quote).join(', ')})`),
  value: fc.oneof(
    { maxDepth: 3 },
    { arbitrary: tie('number'), weight: 2 },
    { arbitrary: tie('text'), weight: 2 },
    { arbitrary: tie('call'), weight: 3 },
    fc.constantFrom(
      'nil',
      'true',
      'false',
      '{}',
      'cjson.null',
      'unknown',
      `redis.error_reply('MY fault')`,
      `redis.status_reply('fine')`,
      `{err = 'E 1'}`,
      `{ok = 'O'}`,
    ),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => `{${items.join(', ')}}`),
    fc.tuple(tie('text'), tie('value')).map(([k, v]) => `{[${k}] = ${v}}`),
    fc.tuple(tie('value'), tie('value')).map(([a, b]) => `(${a} == ${b})`),
    fc.tuple(tie('value'), tie('value')).map(([a, b]) => `(${a} and ${b})`),
    tie('value').map((v) => `unpack({${v}, 2})`),
    tie('number').map((n) => `redis.pcall('SET', KEYS[1] or 'a', ${n} ~= ${n} and 0 or ${n})`),
    fc
      .constantFrom('[1,2.5,"a",null,{"x":true}]', '{"a":[]}', '[1,]', '"\\\\u00e9"', '1e3', 'tru', '')
      .map((json) => `cjson.decode('${json}')`),
  ),
}))

const statement = fc.oneof(
  { arbitrary: value.map((v) => `do local _ = ${v} end`), weight: 4 },
  call.map((c) => `local r = ${c} if type(r) == 'table' and r.err then return r end`),
  fc.tuple(number, call).map(([n, c]) => `if ${n} > 1 then return ${c} end`),
  call.map((c) => `local ok, e = pcall(function() return ${c} end) if not ok then return {'caught', e} end`),
  fc.constantFrom(
    `error('boom')`,
    `error({err = 'MY boom'})`,
    `local n = nil; n.x = 1`,
    'x = 1',
    'redis.x = 1',
    'return 1 +',
    'KEYS[1] = 7',
    'assert(false, "no")',
    `error('a\\nb', 0)`,
  ),
)

/** Programs short enough to go wrong often. */
const anyProgram = fc
  .tuple(fc.array(statement, { maxLength: 3 }), value)
  .map(([lines, result]) => `${PROLOGUE}\n${[...lines, `return ${result}`].join('\n')}`)

/** EVAL of a random program, with flags or without. */
export const anyEval: fc.Arbitrary<readonly Bytes[]> = fc
  .tuple(
    fc.constantFrom('EVAL', 'EVAL', 'EVAL', 'EVAL_RO'),
    fc.constantFrom('', '', '', '#!lua\n', '#!lua flags=no-writes\n', '#!lua flags=oops\n', '#!js\n', '#!lua'),
    anyProgram,
    fc.array(anyKey, { maxLength: 2 }),
    fc.array(fc.constantFrom('7', 'x', '', '\xfe'), { maxLength: 2 }),
  )
  .map(([name, shebang, program, keys, argv]) => [name, shebang + program, String(keys.length), ...keys, ...argv])

/** Bytes as a literal of Lua. */
function quote(bytes: Bytes): string {
  return `'${bytes.replace(/[^\w ,.+-]/g, (char) => `\\${String(char.charCodeAt(0)).padStart(3, '0')}`)}'`
}
