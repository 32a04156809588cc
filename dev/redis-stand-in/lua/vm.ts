import wasmoon from 'wasmoon-lua5.1'
import type { Bytes } from '../reply.ts'

/** What we use of Lua 5.1's C API (reference manual, section 3) as compiled to WebAssembly; strings cross as pointers to bytes. */
interface LuaModule {
  readonly HEAPU8: Uint8Array
  addFunction(run: (thread: number) => number, signature: 'ii'): number
  _malloc(bytes: number): number
  _free(pointer: number): void
  _luaL_newstate(): number
  _luaL_openlibs(thread: number): void
  _luaL_loadbuffer(thread: number, text: number, length: number, name: number): number
  _luaL_ref(thread: number, index: number): number
  _luaL_unref(thread: number, index: number, ref: number): void
  _luaL_where(thread: number, level: number): void
  _lua_checkstack(thread: number, slots: number): number
  _lua_concat(thread: number, count: number): void
  _lua_createtable(thread: number, items: number, fields: number): void
  _lua_error(thread: number): number
  _lua_getfield(thread: number, index: number, name: number): void
  _lua_gettop(thread: number): number
  _lua_insert(thread: number, index: number): void
  _lua_next(thread: number, index: number): number
  _lua_pcall(thread: number, args: number, results: number, handler: number): number
  _lua_pushboolean(thread: number, value: number): void
  _lua_pushcclosure(thread: number, pointer: number, upvalues: number): void
  _lua_pushlightuserdata(thread: number, pointer: number): void
  _lua_pushlstring(thread: number, text: number, length: number): void
  _lua_pushnil(thread: number): void
  _lua_pushnumber(thread: number, value: number): void
  _lua_pushvalue(thread: number, index: number): void
  _lua_rawgeti(thread: number, index: number, at: number): void
  _lua_rawset(thread: number, index: number): void
  _lua_rawseti(thread: number, index: number, at: number): void
  _lua_remove(thread: number, index: number): void
  _lua_replace(thread: number, index: number): void
  _lua_settop(thread: number, top: number): void
  _lua_toboolean(thread: number, index: number): number
  _lua_tolstring(thread: number, index: number, length: number): number
  _lua_tonumber(thread: number, index: number): number
  _lua_type(thread: number, index: number): number
}

export const LUA = { registry: -10000, globals: -10002, all: -1, ok: 0 } as const
export const TYPE = { nil: 0, boolean: 1, lightUserdata: 2, number: 3, string: 4, table: 5 } as const

/** A thread of Lua: the main one, or a coroutine. */
export type Thread = number
export type LuaVm = Awaited<ReturnType<typeof createLuaVm>>

/** A Lua 5.1 with its own memory. Strings are bytes on both sides. */
export async function createLuaVm() {
  const api = (await wasmoon.LuaApi.initialize()).module as unknown as LuaModule // its own types name files it does not ship
  const main: Thread = api._luaL_newstate()
  const lengthAt = api._malloc(4)
  let room = 1 << 16
  let scratch = api._malloc(room)
  let heap = Buffer.from(api.HEAPU8.buffer)
  const names = new Map<string, number>()

  /** Lua's memory, which moves when it grows. */
  const memory = (): Buffer => {
    if (heap.buffer !== api.HEAPU8.buffer) heap = Buffer.from(api.HEAPU8.buffer)
    return heap
  }
  const toScratch = (text: Bytes): number => {
    if (text.length > room) {
      api._free(scratch)
      room = text.length * 2
      scratch = api._malloc(room)
    }
    memory().write(text, scratch, text.length, 'latin1')
    return scratch
  }
  /** A name as C wants it. Names are few and never freed. */
  const cString = (name: string): number => {
    let pointer = names.get(name)
    if (pointer === undefined) {
      pointer = api._malloc(name.length + 1)
      memory().write(`${name}\0`, pointer, name.length + 1, 'latin1')
      names.set(name, pointer)
    }
    return pointer
  }
  const pushString = (thread: Thread, text: Bytes): void => api._lua_pushlstring(thread, toScratch(text), text.length)

  return {
    api,
    main,
    pushString,
    /** The string or number at `index` as bytes; turns a number on the stack into its string, as Lua does. */
    toBytes(thread: Thread, index: number): Bytes {
      const start = api._lua_tolstring(thread, index, lengthAt)
      return memory().toString('latin1', start, start + memory().readUInt32LE(lengthAt))
    },
    pushFunction: (thread: Thread, run: (thread: Thread) => number): void => api._lua_pushcclosure(thread, api.addFunction(run, 'ii'), 0),
    pushStrings(thread: Thread, texts: readonly Bytes[]): void {
      api._lua_createtable(thread, texts.length, 0)
      for (const [index, text] of texts.entries()) {
        pushString(thread, text)
        api._lua_rawseti(thread, -2, index + 1)
      }
    },
    /** Pushes the field `name` of the table at `index`, and answers its type. */
    field(thread: Thread, index: number, name: string): number {
      api._lua_getfield(thread, index, cString(name))
      return api._lua_type(thread, -1)
    },
    /** Pops a value into the field `name` of the table just below it. */
    setField(thread: Thread, name: string): void {
      pushString(thread, name)
      api._lua_insert(thread, -2)
      api._lua_rawset(thread, -3)
    },
    pop: (thread: Thread, count = 1): void => api._lua_settop(thread, -count - 1),
    /** Compiles `text` and pushes the function, or the complaint; answers whether it is one. */
    load: (text: Bytes, name: string): boolean => api._luaL_loadbuffer(main, toScratch(text), text.length, cString(name)) === LUA.ok,
    /** Raises `message` with the script's line in front, as C functions of Lua do. Never returns. */
    fail(thread: Thread, message: Bytes): number {
      api._luaL_where(thread, 1)
      pushString(thread, message)
      api._lua_concat(thread, 2)
      return api._lua_error(thread)
    },
  }
}
