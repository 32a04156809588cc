import { type Bytes, CommandError, Pairs, type Reply, Status } from '../reply.ts'
import { type LuaVm, type Thread, TYPE } from './vm.ts'

const INT64_MIN = -(2n ** 63n)

/** Pushes a command's reply as Lua sees it: no value is false, a status `{ok = …}`, an error `{err = …}`. */
export function pushReply(vm: LuaVm, thread: Thread, reply: Reply): void {
  const { api } = vm
  api._lua_checkstack(thread, 4)
  if (typeof reply === 'string') vm.pushString(thread, reply)
  else if (typeof reply === 'number' || typeof reply === 'bigint') api._lua_pushnumber(thread, Number(reply))
  else if (reply === null) api._lua_pushboolean(thread, 0)
  else if (reply instanceof Status) pushField(vm, thread, 'ok', reply.text)
  else if (reply instanceof CommandError) {
    pushField(vm, thread, 'err', reply.message)
    api._lua_pushboolean(thread, 1)
    vm.setField(thread, 'ignore_error_stats_update')
  } else {
    const items = reply instanceof Pairs ? reply.items : reply
    api._lua_createtable(thread, items.length, 0)
    for (const [index, item] of items.entries()) {
      pushReply(vm, thread, item)
      api._lua_rawseti(thread, -2, index + 1)
    }
  }
}

/** Pushes a table with one field, such as `{err = 'ERR …'}`. */
export function pushField(vm: LuaVm, thread: Thread, name: 'ok' | 'err', text: Bytes): void {
  vm.api._lua_createtable(thread, 0, 1)
  vm.pushString(thread, text)
  vm.setField(thread, name)
}

/** What a script returned, on top of the stack, as a reply. Numbers lose their fraction, a table ends at its first nil. */
export function toReply(vm: LuaVm, thread: Thread): Reply {
  const { api } = vm
  api._lua_checkstack(thread, 4)
  switch (api._lua_type(thread, -1)) {
    case TYPE.string:
      return vm.toBytes(thread, -1)
    case TYPE.boolean:
      return api._lua_toboolean(thread, -1) ? 1 : null
    case TYPE.number:
      return toInteger(api._lua_tonumber(thread, -1))
    case TYPE.table:
      return tableToReply(vm, thread)
    default:
      return null
  }
}

function tableToReply(vm: LuaVm, thread: Thread): Reply {
  const { api } = vm
  const error = stringField(vm, thread, 'err')
  if (error !== undefined) return new CommandError(error)
  const status = stringField(vm, thread, 'ok')
  if (status !== undefined) return new Status(status)
  const items: Reply[] = []
  for (;;) {
    api._lua_rawgeti(thread, -1, items.length + 1)
    const ends = api._lua_type(thread, -1) === TYPE.nil
    if (!ends) items.push(toReply(vm, thread))
    vm.pop(thread)
    if (ends) return items
  }
}

/** A field of the table on top of the stack, if it is a string. */
export function stringField(vm: LuaVm, thread: Thread, name: string): Bytes | undefined {
  const isString = vm.field(thread, -1, name) === TYPE.string
  const text = isString ? vm.toBytes(thread, -1) : undefined
  vm.pop(thread)
  return text
}

/** A double as C casts it to 64 bits on x86: what does not fit, and what is no number, becomes the least one. */
function toInteger(value: number): number | bigint {
  if (Number.isSafeInteger(Math.trunc(value))) return Math.trunc(value) + 0 // no -0
  return Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : INT64_MIN
}

/** 17 digits in scientific notation. Where two are equally near, C takes the even one and JavaScript the larger. */
function toSeventeenDigits(value: number): string {
  const [, even, power] = /^(-?\d\.\d{15}[02468])50*e(.*)$/.exec(value.toExponential(100)) ?? []
  return even === undefined ? value.toExponential(16) : `${even}e${power}`
}

/** A double as `%.17g` prints it, which is how Redis turns numbers into arguments of a command. */
export function formatArgument(value: number): Bytes {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return String(value)
  if (Number.isNaN(value)) return '-nan' // the sign that x86 gives to 0/0
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  const [mantissa = '', power = '0'] = toSeventeenDigits(value).split('e')
  const exponent = Number(power)
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const digits = mantissa.replace(/[-.]/g, '').replace(/0+$/, '')
  if (exponent < -4 || exponent >= 17) {
    const fraction = digits.slice(1)
    const tail = String(Math.abs(exponent)).padStart(2, '0')
    return `${sign}${digits[0] ?? '0'}${fraction && `.${fraction}`}e${exponent < 0 ? '-' : '+'}${tail}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = digits.slice(exponent + 1)
  return `${sign}${whole}${fraction && `.${fraction}`}`
}
