import { lineOf } from '../../command-line.ts'
import { type CommandTable, control, read } from '../command.ts'
import { REDIS_VERSION } from '../lua/scripts.ts'
import { type Bytes, CommandError, OK, Pairs, parseInt64, Status, syntaxError } from '../reply.ts'
import { globMatcher } from './keys.ts'

/** The process around the engine. */
export interface Server {
  /** What CONFIG GET tells, by name. */
  readonly settings: Map<string, string>
  /** Writes the snapshot; throws when it cannot. */
  save(): void
  /** Ends the process once the replies are out; `save` as SHUTDOWN's word has it, undefined where none was said. */
  shutdown(save: boolean | undefined): void
}

/** Commands about the server and the connection. */
export function serverCommands(server: Server): CommandTable {
  const { settings } = server
  let savedAtMs = 0
  return {
    ping: read(-1, ([text, ...more]) => {
      if (more.length > 0) throw new CommandError("ERR wrong number of arguments for 'ping' command")
      return text ?? new Status('PONG')
    }),
    echo: read(2, ([text = '']) => text),
    time: read(1, (_, { nowMs }) => [String(Math.floor(nowMs() / 1000)), String((nowMs() % 1000) * 1000)]),
    select: read(2, ([index = '']) => {
      if (parseInt64(index) !== 0n) throw new CommandError('ERR DB index is out of range') // as with `databases 1`
      return OK
    }),
    info: read(-1, (_, { keyspace }) => information(settings, keyspace.size)),
    command: control(-1, () => []),
    hello: control(-1, ([version, ...options], { connection }) => {
      const protocol =
        version === undefined ? connection.protocol : Number(parseInt64(version, 'ERR Protocol version is not an integer or out of range'))
      if (protocol !== 2 && protocol !== 3) throw new CommandError('NOPROTO unsupported protocol version')
      if (options[0]?.toUpperCase() === 'SETNAME' && options[1] !== undefined) connection.name = options[1]
      connection.protocol = protocol
      const about = ['server', 'redis', 'version', REDIS_VERSION, 'proto', protocol, 'id', connection.id]
      return new Pairs([...about, 'mode', 'standalone', 'role', 'master', 'modules', []])
    }),
    quit: {
      ...control(-1, (_, { connection }) => {
        connection.leaving = true
        return OK
      }),
      controls: true,
    },
    client: {
      arity: -2,
      subcommands: {
        id: control(2, (_, { connection }) => connection.id),
        getname: control(2, (_, { connection }) => connection.name || null),
        setname: control(3, ([name = ''], { connection }) => {
          if (/[^!-~]/.test(name)) throw new CommandError('ERR Client names cannot contain spaces, newlines or special characters.')
          connection.name = name
          return OK
        }),
      },
    },
    config: {
      arity: -2,
      subcommands: {
        get: control(-3, (patterns) => {
          const matchers = patterns.map((pattern) => globMatcher(pattern.toLowerCase()))
          return new Pairs([...settings].filter(([name]) => matchers.some((matches) => matches(name))).flat())
        }),
        set: control(-4, (words) => {
          for (let i = 0; i < words.length; i += 2) {
            const [name = '', value] = words.slice(i, i + 2)
            if (value === undefined || !settings.has(name.toLowerCase())) {
              throw new CommandError(`ERR Unknown option or number of arguments for CONFIG SET - '${name}'`)
            }
          }
          for (let i = 0; i < words.length; i += 2) settings.set((words[i] ?? '').toLowerCase(), words[i + 1] ?? '')
          return OK
        }),
      },
    },
    save: { ...control(1, (_, { nowMs }) => saveAt(nowMs())), inTransactions: false },
    bgsave: control(-1, (options, { nowMs }) => {
      if (options.length > 1 || !options.every((option) => /^schedule$/i.test(option))) throw syntaxError()
      saveAt(nowMs())
      return new Status('Background saving started')
    }),
    lastsave: read(1, () => Math.floor(savedAtMs / 1000)),
    shutdown: {
      ...control(-1, ([option, ...more]) => {
        if (more.length > 0 || (option !== undefined && !/^(no)?save$/i.test(option))) throw syntaxError()
        server.shutdown(option === undefined ? undefined : option.toUpperCase() === 'SAVE')
        return OK
      }),
      inTransactions: false,
    },
  }

  function saveAt(nowMs: number): Status {
    try {
      server.save()
    } catch (error) {
      throw new CommandError(`ERR ${lineOf(error)}`)
    }
    savedAtMs = nowMs
    return OK
  }
}

/** The lines of INFO that our code reads, and who we are. */
function information(settings: ReadonlyMap<string, string>, keys: number): Bytes {
  const lines = [
    '# Server',
    `redis_version:${REDIS_VERSION}`,
    'redis_mode:standalone',
    'tideline_stand_in:1',
    `process_id:${process.pid}`,
    `tcp_port:${settings.get('port') ?? ''}`,
    '',
    '# Memory',
    `used_memory:${process.memoryUsage.rss()}`,
    `maxmemory:${settings.get('maxmemory')}`,
    `maxmemory_policy:${settings.get('maxmemory-policy')}`,
    '',
    '# Keyspace',
    ...(keys > 0 ? [`db0:keys=${keys}`] : []),
    '',
  ]
  return lines.join('\r\n')
}
