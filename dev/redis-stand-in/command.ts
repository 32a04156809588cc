import type { Keyspace } from './keyspace.ts'
import type { Bytes, Reply } from './reply.ts'
import type { Protocol } from './resp.ts'

/** What a connection remembers between its requests. */
export interface Connection {
  readonly id: number
  name: Bytes
  protocol: Protocol
  /** Set by QUIT: the connection is closed when its replies are sent. */
  leaving: boolean
  /** What MULTI has collected; undefined outside of a transaction. */
  transaction: { readonly queued: (readonly Bytes[])[]; broken: boolean } | undefined
}

/** What a command may touch. */
export interface Context {
  readonly keyspace: Keyspace
  /** Stands still while a command, script or transaction runs. */
  readonly nowMs: () => number
  readonly connection: Connection
}

/** Words after the command's name (and its subcommand's). Throws `CommandError`. */
export type Run = (args: readonly Bytes[], context: Context) => Reply

export interface Command {
  /** How many words it takes with its name (and its subcommand's), or at least how many, as a negative number: Redis' own notation. */
  readonly arity: number
  readonly run: Run
  readonly writes?: boolean
  readonly inScripts?: boolean
  /** False where a transaction refuses it. */
  readonly inTransactions?: boolean
  /** Runs at once though MULTI was said. */
  readonly controls?: boolean
}

/** By lower-case name; a container such as CONFIG holds its subcommands. */
export type CommandTable = Readonly<
  Record<string, Command | { readonly arity: number; readonly subcommands: Readonly<Record<string, Command>> }>
>

export const read = (arity: number, run: Run): Command => ({ arity, run, inScripts: true })
export const write = (arity: number, run: Run): Command => ({ arity, run, inScripts: true, writes: true })
/** A command about the server or the connection, which no script may call. */
export const control = (arity: number, run: Run): Command => ({ arity, run })
