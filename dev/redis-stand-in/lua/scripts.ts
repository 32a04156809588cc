import { createHash } from 'node:crypto'
import { type Bytes, CommandError, type Reply } from '../reply.ts'
import { formatArgument, pushField, pushReply, stringField, toReply } from './conversions.ts'
import { furnish, HANDLER_AT, setGlobal } from './sandbox.ts'
import { createLuaVm, LUA, type Thread, TYPE } from './vm.ts'

const CHUNK_NAME = '@user_script'
const FLAGS = new Set(['no-writes', 'allow-oom', 'allow-stale', 'no-cluster', 'allow-cross-slot-keys'])
const BAD_ARGUMENT = 'ERR Lua redis lib command arguments must be strings or integers'

/** The version whose dialect this is: the one the differential suite was recorded with. */
export const REDIS_VERSION = '7.0.15'

/** Runs a command that a script calls. Throws `CommandError`, or answers one. */
export type Call = (words: readonly Bytes[], readOnly: boolean) => Reply

export interface ScriptRun {
  readonly keys: readonly Bytes[]
  readonly argv: readonly Bytes[]
  readonly readOnly: boolean
  readonly call: Call
}

export type Scripts = Awaited<ReturnType<typeof createScripts>>

export const noScript = () => new CommandError('NOSCRIPT No matching script. Please use EVAL.')

const sha1 = (text: Bytes): string => createHash('sha1').update(text, 'latin1').digest('hex')

/** The scripts a server knows by their SHA-1, and Lua 5.1 to run them. One runs at a time, to its end. */
export async function createScripts() {
  const vm = await createLuaVm()
  const { api, main } = vm
  const known = new Map<string, { readonly ref: number; readonly flags: readonly string[] | undefined }>()
  let current: { readonly call: Call; readonly readOnly: boolean } | undefined

  const answer = (thread: Thread): Reply => {
    const count = api._lua_gettop(thread)
    if (count === 0) throw new Refusal('ERR Please specify at least one argument for this redis lib call')
    const words: Bytes[] = []
    for (let index = 1; index <= count; index++) {
      const type = api._lua_type(thread, index)
      if (type === TYPE.number) words.push(formatArgument(api._lua_tonumber(thread, index)))
      else if (type === TYPE.string) words.push(vm.toBytes(thread, index))
      else throw new Refusal(BAD_ARGUMENT)
    }
    return current ? current.call(words, current.readOnly) : null
  }
  /** `redis.call` raises what `redis.pcall` returns. */
  const redisCall = (raises: boolean) => (thread: Thread) => {
    let reply: Reply
    try {
      reply = answer(thread)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      reply = error
    }
    if (reply instanceof Refusal) pushField(vm, thread, 'err', reply.message)
    else pushReply(vm, thread, reply)
    return raises && reply instanceof CommandError ? api._lua_error(thread) : 1
  }
  const fail = (thread: Thread, message: string) => {
    pushField(vm, thread, 'err', `ERR ${message}`)
    return api._lua_error(thread)
  }
  const oneString = (push: (thread: Thread, text: Bytes) => void) => (thread: Thread) => {
    const fits = api._lua_gettop(thread) === 1 && api._lua_type(thread, 1) === TYPE.string
    if (fits) push(thread, vm.toBytes(thread, 1))
    else pushField(vm, thread, 'err', 'ERR wrong number or type of arguments')
    return 1
  }
  const isNumber = (thread: Thread, index: number) => api._lua_type(thread, index) === TYPE.number

  furnish(vm, {
    call: redisCall(true),
    pcall: redisCall(false),
    error_reply: oneString((thread, text) => pushField(vm, thread, 'err', withCode(text))),
    status_reply: oneString((thread, text) => pushField(vm, thread, 'ok', text)),
    sha1hex: (thread) => {
      if (api._lua_gettop(thread) !== 1) return fail(thread, 'wrong number of arguments')
      const type = api._lua_type(thread, 1)
      vm.pushString(thread, sha1(type === TYPE.string || type === TYPE.number ? vm.toBytes(thread, 1) : ''))
      return 1
    },
    log: (thread) => {
      if (api._lua_gettop(thread) < 2) return fail(thread, 'redis.log() requires two arguments or more.')
      if (!isNumber(thread, 1)) return fail(thread, 'First argument must be a number (log level).')
      const level = api._lua_tonumber(thread, 1)
      return level >= 0 && level < 4 ? 0 : fail(thread, 'Invalid debug level.')
    },
    setresp: (thread) => {
      if (api._lua_gettop(thread) !== 1) return fail(thread, 'redis.setresp() requires one argument.')
      return api._lua_tonumber(thread, 1) === 2 ? 0 : fail(thread, 'RESP version must be 2 in the stand-in.')
    },
    replicate_commands: (thread) => {
      api._lua_pushboolean(thread, 1)
      return 1
    },
    REDIS_VERSION,
    REDIS_VERSION_NUM: REDIS_VERSION.split('.').reduce((sum, part) => sum * 256 + Number(part), 0),
    LOG_DEBUG: 0,
    LOG_VERBOSE: 1,
    LOG_NOTICE: 2,
    LOG_WARNING: 3,
  })

  /** Compiles a script and remembers it. */
  const load = (text: Bytes): string => {
    const sha = sha1(text)
    if (known.has(sha)) return sha
    const { body, flags } = parseShebang(text)
    if (!vm.load(body, CHUNK_NAME)) {
      const complaint = vm.toBytes(main, -1)
      vm.pop(main)
      throw new CommandError(`ERR Error compiling script (new function): ${complaint}`)
    }
    known.set(sha, { ref: api._luaL_ref(main, LUA.registry), flags })
    return sha
  }

  return {
    load,
    has: (sha: string): boolean => known.has(sha.toLowerCase()),
    flush(): void {
      for (const { ref } of known.values()) api._luaL_unref(main, LUA.registry, ref)
      known.clear()
    },
    run(name: string, { keys, argv, readOnly, call }: ScriptRun): Reply {
      const sha = name.toLowerCase()
      const script = known.get(sha)
      if (!script) throw noScript()
      const neverWrites = script.flags?.includes('no-writes') ?? false
      if (readOnly && script.flags && !neverWrites)
        throw new CommandError('ERR Can not execute a script with write flag using *_ro command.')
      current = { call, readOnly: readOnly || neverWrites }
      try {
        vm.pushStrings(main, keys)
        setGlobal(vm, 'KEYS')
        vm.pushStrings(main, argv)
        setGlobal(vm, 'ARGV')
        api._lua_rawgeti(main, LUA.registry, script.ref)
        if (api._lua_pcall(main, 0, 1, HANDLER_AT) === LUA.ok) return toReply(vm, main)
        throw new CommandError(describe(sha))
      } finally {
        current = undefined
        api._lua_settop(main, HANDLER_AT)
      }
    },
  }

  /** The error table on top of the stack, as the handler left it. */
  function describe(sha: string): string {
    const source = stringField(vm, main, 'source')
    vm.field(main, -1, 'line')
    const line = api._lua_tonumber(main, -1)
    vm.pop(main)
    const place = source === undefined ? '' : `, on ${source}:${line}`
    return `${stringField(vm, main, 'err') ?? 'ERR unknown error'} script: ${sha}${place}.`
  }
}

/** An error of the Lua interface itself and not of a command: its table has no field but `err`. */
class Refusal extends CommandError {}

/** An error's text with a code in front: `ERR` where it is one word, or does not start with a code marked by a minus. */
function withCode(text: Bytes): Bytes {
  const message = text.startsWith('-') ? text.slice(1) : text
  return message.includes(' ') ? message : `ERR ${message}`
}

/** The Lua behind a `#!lua flags=…` line, with the line's end kept so that errors name the right line; no flags where there is no such line. */
function parseShebang(text: Bytes): { readonly body: Bytes; readonly flags: readonly string[] | undefined } {
  if (!text.startsWith('#!')) return { body: text, flags: undefined }
  const end = text.indexOf('\n')
  if (end < 0) throw new CommandError('ERR Invalid script shebang')
  const [engine = '', ...options] = text.slice(0, end).split(/\s+/).filter(Boolean)
  if (engine !== '#!lua') throw new CommandError(`ERR Unexpected engine in script shebang: ${engine}`)
  const flags = options.flatMap((option) => {
    if (!option.startsWith('flags=')) throw new CommandError(`ERR Unknown lua shebang option: ${option}`)
    return option
      .slice('flags='.length)
      .split(',')
      .filter((flag) => flag !== '')
  })
  for (const flag of flags) if (!FLAGS.has(flag)) throw new CommandError(`ERR Unexpected flag in script shebang: ${flag}`)
  return { body: text.slice(end), flags }
}
