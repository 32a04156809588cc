import type { Command, CommandTable, Connection, Context } from './command.ts'
import { expiry } from './commands/expiry.ts'
import { hashes } from './commands/hashes.ts'
import { keys } from './commands/keys.ts'
import { lists } from './commands/lists.ts'
import { scripting } from './commands/scripting.ts'
import { type Server, serverCommands } from './commands/server.ts'
import { strings } from './commands/strings.ts'
import { createKeyspace } from './keyspace.ts'
import { type Call, createScripts } from './lua/scripts.ts'
import { type Bytes, CommandError, OK, type Reply, Status, wrongArity } from './reply.ts'

/** How much of what was said an unknown command's error repeats (characters). */
const ECHOED = 128

export interface EngineOptions {
  /** Milliseconds since 1970. */
  readonly clock: { nowMs(): number }
  readonly server: Server
  /** Takes commands away or puts others in their place: tests break a rule with it. */
  readonly commands?: CommandTable
}

export type Engine = Awaited<ReturnType<typeof createEngine>>

/** Redis without its network and its disk: words in, replies out, one request at a time. */
export async function createEngine({ clock, server, commands = {} }: EngineOptions) {
  let frozenMs: number | undefined
  const nowMs = () => frozenMs ?? clock.nowMs()
  const keyspace = createKeyspace(nowMs)
  const scripts = await createScripts()
  let connections = 0

  const table: CommandTable = {
    ...strings,
    ...keys,
    ...expiry,
    ...hashes,
    ...lists,
    ...serverCommands(server),
    ...scripting(scripts, (context) => callFromScript(context)),
    ...transactions(),
    ...commands,
  }

  /** The command that `words` name, with the words that are its arguments. Throws what Redis says of an unknown one or of a wrong count. */
  const find = (words: readonly Bytes[]): { command: Command; args: readonly Bytes[] } => {
    const [name = '', sub = ''] = words
    const entry = Object.hasOwn(table, name.toLowerCase()) ? table[name.toLowerCase()] : undefined
    if (!entry) throw unknownCommand(words)
    if (!('subcommands' in entry)) return { command: checked(entry, words.length, name), args: words.slice(1) }
    if (words.length < -entry.arity) throw wrongArity(name.toLowerCase())
    const command = Object.hasOwn(entry.subcommands, sub.toLowerCase()) ? entry.subcommands[sub.toLowerCase()] : undefined
    if (!command) throw new UnknownCommand(`ERR unknown subcommand '${cText(sub)}'. Try ${name.toUpperCase()} HELP.`)
    return { command: checked(command, words.length, `${name}|${sub}`), args: words.slice(2) }
  }

  const run = (words: readonly Bytes[], context: Context): Reply => {
    try {
      const { command, args } = find(words)
      return command.run(args, context)
    } catch (error) {
      if (error instanceof CommandError) return error
      throw error
    }
  }

  const callFromScript =
    (context: Context): Call =>
    (words, readOnly) => {
      const { command, args } = findForScript(words)
      if (!command.inScripts) throw new CommandError('ERR This Redis command is not allowed from script')
      if (command.writes && readOnly) throw new CommandError('ERR Write commands are not allowed from read-only scripts.')
      return command.run(args, context)
    }
  const findForScript = (words: readonly Bytes[]) => {
    try {
      return find(words)
    } catch (error) {
      if (error instanceof UnknownCommand) throw new CommandError('ERR Unknown Redis command called from script')
      throw new CommandError('ERR Wrong number of args calling Redis command from script')
    }
  }

  function transactions(): CommandTable {
    const controls = (work: (context: Context) => Reply): Command => ({ arity: 1, controls: true, run: (_, context) => work(context) })
    return {
      multi: controls(({ connection }) => {
        if (connection.transaction) throw new CommandError('ERR MULTI calls can not be nested')
        connection.transaction = { queued: [], broken: false }
        return OK
      }),
      discard: controls(({ connection }) => {
        if (!connection.transaction) throw new CommandError('ERR DISCARD without MULTI')
        connection.transaction = undefined
        return OK
      }),
      exec: controls((context) => {
        const { transaction } = context.connection
        if (!transaction) throw new CommandError('ERR EXEC without MULTI')
        context.connection.transaction = undefined
        if (transaction.broken) throw new CommandError('EXECABORT Transaction discarded because of previous errors.')
        return transaction.queued.map((words) => run(words, context))
      }),
    }
  }

  /** What a request inside of MULTI is answered: QUEUED, or why it cannot be. */
  const queue = (words: readonly Bytes[], transaction: NonNullable<Connection['transaction']>): Reply => {
    try {
      const { command } = find(words)
      if (command.inTransactions === false) throw new CommandError('ERR Command not allowed inside a transaction')
      transaction.queued.push(words)
      return new Status('QUEUED')
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      transaction.broken = true
      return error
    }
  }
  const isControl = (words: readonly Bytes[]): boolean => {
    const entry = table[(words[0] ?? '').toLowerCase()]
    return entry !== undefined && 'controls' in entry && entry.controls === true && checkedCount(entry.arity, words.length)
  }

  return {
    keyspace,
    connect: (): Connection => ({ id: ++connections, name: '', protocol: 2, leaving: false, transaction: undefined }),
    /** Answers one request. Errors of commands are replies. */
    execute(words: readonly Bytes[], connection: Connection): Reply {
      frozenMs = clock.nowMs()
      try {
        if (words.length !== 1 && words[0]?.toLowerCase() === 'exec') return brokenExec(connection)
        if (connection.transaction && !isControl(words)) return queue(words, connection.transaction)
        return run(words, { keyspace, nowMs, connection })
      } finally {
        frozenMs = undefined
      }
    },
  }
}

/** No command of that name, or no subcommand. */
class UnknownCommand extends CommandError {}

function unknownCommand(words: readonly Bytes[]): CommandError {
  const [name = '', ...args] = words
  let said = ''
  for (const arg of args) {
    if (said.length >= ECHOED) break
    said += `'${cText(arg, ECHOED - said.length)}' `
  }
  return new UnknownCommand(`ERR unknown command '${cText(name)}', with args beginning with: ${said}`)
}

/** EXEC with arguments ends the transaction nevertheless. */
function brokenExec(connection: Connection): CommandError {
  connection.transaction = undefined
  return new CommandError("EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command")
}

/** A text as C prints it: up to the first zero byte, and no longer than that. */
const cText = (text: Bytes, most = ECHOED): Bytes => (text.split('\0', 1)[0] ?? '').slice(0, most)

const checkedCount = (arity: number, words: number): boolean => (arity < 0 ? words >= -arity : words === arity)

function checked(command: Command, words: number, name: string): Command {
  if (checkedCount(command.arity, words)) return command
  throw wrongArity(name.toLowerCase())
}
