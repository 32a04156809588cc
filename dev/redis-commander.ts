import { createHash } from 'node:crypto'
import { createClient, ErrorReply, RESP_TYPES } from 'redis'

/** A Redis command: its name, then its arguments; never empty. */
export type Command = readonly (string | Buffer)[]

/** What Redis answered: a stored value is a Buffer, a status such as OK a string, an error of the command a value as well. */
export type Reply = Buffer | string | number | null | ErrorReply | Reply[]

/** The connection was lost or never made. Whether the commands ran is unknown. */
export class RedisUnreachable extends Error {
  constructor(cause: unknown) {
    super('ERR Redis is unreachable', { cause })
  }
}

/** One connection to Redis that keeps the order of calls. `run` and `transact` write before they return, and throw `RedisUnreachable`. */
export type RedisCommander = {
  /** Resolves when the first attempt has succeeded or failed; after a failure, or a loss, it goes on trying every 100 ms. */
  connect(): Promise<void>
  /** One reply for each command. Other callers' commands never come between them, but they are not atomic. */
  run(commands: readonly Command[]): Promise<Reply[]>
  /** MULTI and EXEC around `commands`: their replies, or the error for which Redis discarded them all. */
  transact(commands: readonly Command[]): Promise<Reply[] | ErrorReply>
  close(): void
}

export const nameOf = (command: Command): string => String(command[0]).toUpperCase()

export function createRedisCommander(redisUrl: string): RedisCommander {
  const client = createClient({
    url: redisUrl,
    RESP: 2, // the reply types Upstash's REST answers are made of: no maps, no doubles
    disableOfflineQueue: true, // a dead Redis is an error now, not a late success
    maintNotifications: 'disabled',
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
    socket: { reconnectStrategy: 100 },
  })
  client.on('error', () => {}) // without a listener each failed attempt would end the process
  const keyLocking = createKeyLocking()

  const run = async (commands: readonly Command[]): Promise<Reply[]> => {
    const outcomes = await Promise.allSettled(commands.map((command) => client.sendCommand<Reply>(keyLocking.toPlain(command))))
    return outcomes.map((outcome, index) => {
      if (outcome.status === 'fulfilled') return keyLocking.toFlagged(commands[index] ?? [], outcome.value)
      if (outcome.reason instanceof ErrorReply) return outcome.reason
      throw new RedisUnreachable(outcome.reason)
    })
  }
  return {
    run,
    connect: () =>
      new Promise((resolve) => {
        client.once('ready', resolve).once('error', resolve)
        client.connect().catch(() => {}) // rejects only when closed while it tries
      }),
    transact: async (commands) => {
      const replies = await run([['MULTI'], ...commands, ['EXEC']])
      const executed = replies.at(-1)
      if (Array.isArray(executed)) return executed
      return replies.find((reply) => reply instanceof ErrorReply) ?? new ErrorReply('EXECABORT Transaction discarded')
    },
    close: () => client.destroy(),
  }
}

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex')

/**
 * Lua put before a flagged script: `redis.call` and `redis.pcall` refuse a key that KEYS does not name, as Upstash does.
 *
 * It covers the commands below; any other is let through. It shadows `redis` by a local because Redis 7 protects its globals, and
 * ends up in front of the line after the shebang, so that the script's own errors keep their line numbers. Errors raised by
 * `redis.call` are all reported at line 2, where the guard calls it.
 */
const KEY_GUARD = `local redis = (function()
  local real, first, every, declared = redis.call, {}, {}, {}
  for name in ('GET SET SETRANGE GETRANGE APPEND INCR PEXPIRE EXPIRE PTTL TTL STRLEN HSET HGET'):gmatch('%u+') do first[name] = true end
  for name in ('DEL UNLINK EXISTS MGET'):gmatch('%u+') do every[name] = true end
  for i = 1, #KEYS do declared[KEYS[i]] = true end
  local function undeclared(name, ...)
    name = tostring(name):upper()
    for _, key in ipairs((every[name] and {...}) or (first[name] and {(...)}) or {}) do
      if not declared[tostring(key)] then
        return {err = "ERR Dynamic keys are not allowed in Lua scripts when 'allow-key-locking' flag is set. Key was: " .. tostring(key)}
      end
    end
  end
  local function call(name, ...)
    if not (first[name] and declared[(...)]) then
      local refusal = undeclared(name, ...)
      if refusal then error(refusal) end
    end
    return real(name, ...)
  end
  local function pcall(...) return undeclared(...) or redis.pcall(...) end
  return setmetatable({call = call, pcall = pcall}, {__index = redis})
end)() `.replace(/\n\s*/g, ' ')

/** A script with Upstash's flag `allow-key-locking`, which plain Redis rejects, as plain Redis takes it; others as they are. */
export function plainScript(text: string): string {
  const [shebang, declared = ''] = /^#!lua[^\n]*?flags=(\S+)[^\n]*\n/.exec(text) ?? []
  const flags = declared.split(',')
  if (!shebang || !flags.includes('allow-key-locking')) return text
  const others = flags.filter((flag) => flag !== 'allow-key-locking')
  return `#!lua${others.length ? ` flags=${others.join(',')}` : ''}\n${KEY_GUARD}${text.slice(shebang.length)}`
}

/** Translates flagged scripts, and the SHAs by which callers know them. */
function createKeyLocking() {
  const plainShas = new Map<string, string>() // SHA of the flagged text → SHA of what Redis got instead

  const plainText = (text: string): string => {
    const plain = plainScript(text)
    if (plain !== text) plainShas.set(sha1(text), sha1(plain))
    return plain
  }
  const plainSha = (sha: string): string => plainShas.get(sha.toLowerCase()) ?? sha
  const isScript = (command: Command, subcommand: string) =>
    nameOf(command) === 'SCRIPT' && String(command[1]).toUpperCase() === subcommand && command.length > 2

  return {
    toPlain(command: Command): Command {
      if (isScript(command, 'LOAD')) return command.with(2, plainText(String(command[2])))
      if (isScript(command, 'EXISTS')) return command.map((argument, at) => (at < 2 ? argument : plainSha(String(argument))))
      if (command.length < 2) return command
      if (/^EVAL(_RO)?$/.test(nameOf(command))) return command.with(1, plainText(String(command[1])))
      if (/^EVALSHA(_RO)?$/.test(nameOf(command))) return command.with(1, plainSha(String(command[1])))
      return command
    },
    toFlagged(command: Command, reply: Reply): Reply {
      return isScript(command, 'LOAD') && Buffer.isBuffer(reply) ? Buffer.from(sha1(String(command[2]))) : reply
    },
  }
}
