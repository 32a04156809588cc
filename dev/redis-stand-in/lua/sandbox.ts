import { createCjson } from './cjson.ts'
import { LUA, type LuaVm, type Thread, TYPE } from './vm.ts'

/** What scripts may use of Lua's own library, as Redis 7 allows it. */
const ALLOWED =
  `_VERSION assert collectgarbage coroutine error gcinfo getmetatable ipairs load loadstring math next pairs pcall rawequal rawget
  rawset select setmetatable string table tonumber tostring type unpack xpcall`.split(/\s+/)

/** Redis' own handler: makes a table of any error and notes the script's line. C functions are skipped. */
const ERROR_HANDLER = `local dbg = debug
return function(err)
  local i = dbg.getinfo(2, 'nSl')
  if i and i.what == 'C' then i = dbg.getinfo(3, 'nSl') end
  if type(err) ~= 'table' then err = {err = 'ERR ' .. tostring(err)} end
  if i then
    err.source = i.source
    err.line = i.currentline
  end
  return err
end`

/** Takes a library and answers a table that reads from it and refuses to be written. */
const READ_ONLY = `local refuse, library = ...
return setmetatable({}, {__index = library, __newindex = refuse, __metatable = false})`

/** Where the globals and the error handler stay on the main stack. */
export const GLOBALS_AT = 1
export const HANDLER_AT = 2

/** Sets the globals up for scripts: Lua's allowed ones, cjson, and `redis`; none of them can be changed, and reading an unknown one is an error. */
export function furnish(vm: LuaVm, redis: Readonly<Record<string, string | number | ((thread: Thread) => number)>>): void {
  const { api, main } = vm
  api._luaL_openlibs(main)
  api._lua_createtable(main, 0, 0)
  run(vm, ERROR_HANDLER)
  vm.pushFunction(main, (thread) => vm.fail(thread, 'Attempt to modify a readonly table'))
  const refuseAt = api._lua_gettop(main)

  /** Puts the table on top of the stack behind a read-only one. */
  const protect = () => {
    api._lua_pushvalue(main, refuseAt)
    api._lua_insert(main, -2)
    run(vm, READ_ONLY, 2)
  }
  for (const name of ALLOWED) {
    vm.field(main, LUA.globals, name)
    if (api._lua_type(main, -1) === TYPE.table) protect()
    setGlobal(vm, name)
  }
  for (const [name, members] of Object.entries({ redis, cjson: createCjson(vm) })) {
    api._lua_createtable(main, 0, 0)
    for (const [member, value] of Object.entries(members)) {
      if (typeof value === 'function') vm.pushFunction(main, value)
      else if (typeof value === 'number') api._lua_pushnumber(main, value)
      else vm.pushString(main, value)
      vm.setField(main, member)
    }
    if (name === 'cjson') {
      api._lua_pushlightuserdata(main, 0)
      vm.setField(main, 'null')
    }
    protect()
    setGlobal(vm, name)
  }
  vm.pushFunction(main, pcall(vm))
  setGlobal(vm, 'pcall')

  // Unknown globals: an error. Then scripts get a read-only view of the globals as theirs.
  api._lua_pushvalue(main, GLOBALS_AT)
  vm.pushFunction(main, (thread) => vm.fail(thread, `Script attempted to access nonexistent global variable '${vm.toBytes(thread, 2)}'`))
  run(vm, 'local globals, unknown = ... setmetatable(globals, {__index = unknown})', 2, 0)
  api._lua_pushvalue(main, GLOBALS_AT)
  protect()
  api._lua_pushvalue(main, -1)
  setGlobal(vm, '_G')
  api._lua_replace(main, LUA.globals)
  api._lua_settop(main, HANDLER_AT)
}

/** Pops a value into a global of all scripts. */
export function setGlobal(vm: LuaVm, name: string): void {
  vm.pushString(vm.main, name)
  vm.api._lua_insert(vm.main, -2)
  vm.api._lua_rawset(vm.main, GLOBALS_AT)
}

/** Runs Lua text of ours with the topmost `args` values as its arguments. */
function run(vm: LuaVm, text: string, args = 0, results = 1): void {
  const { api, main } = vm
  if (!vm.load(text, '=stand-in')) throw new Error(vm.toBytes(main, -1))
  api._lua_insert(main, -args - 1)
  if (api._lua_pcall(main, args, results, 0) !== LUA.ok) throw new Error(vm.toBytes(main, -1))
}

/** Redis' pcall: an error table with a text becomes that text. */
function pcall(vm: LuaVm): (thread: Thread) => number {
  const { api } = vm
  return (thread) => {
    if (api._lua_gettop(thread) === 0) return vm.fail(thread, "bad argument #1 to 'pcall' (value expected)")
    const failed = api._lua_pcall(thread, api._lua_gettop(thread) - 1, LUA.all, 0) !== LUA.ok
    if (failed && api._lua_type(thread, -1) === TYPE.table) {
      const type = vm.field(thread, -1, 'err')
      if (type === TYPE.string || type === TYPE.number) api._lua_replace(thread, -2)
      else vm.pop(thread)
    }
    api._lua_checkstack(thread, 1)
    api._lua_pushboolean(thread, failed ? 0 : 1)
    api._lua_insert(thread, 1)
    return api._lua_gettop(thread)
  }
}
