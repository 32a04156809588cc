import type { Outcome, Write } from './driver.ts'
import type { Command } from './history.ts'
import { rootOf } from './judge.ts'
import { type Activity, begin, type Change, type Fact, fact, takeBack, truthWithin } from './log.ts'
import type { Stage } from './stage.ts'

/** What each account command makes true or false. */
const ACCOUNTS = {
  'go private': ['open', false],
  'go public': ['open', true],
  suspend: ['active', false],
  reinstate: ['active', true],
  'delete account': ['alive', false],
} as const
/** And each between two people. */
const BETWEEN = {
  follow: ['follows', true],
  unfollow: ['follows', false],
  mute: ['mutes', true],
  unmute: ['mutes', false],
  unblock: ['blocks', false],
} as const

/** What people of a history write: each write is noted in the log with what it changes. False for a command that is none. */
export function createWriting({
  driver,
  log,
  judge,
  tokens,
  at,
  knownTo,
  standing,
  tell,
  everybody,
}: Stage): (command: Command) => Promise<boolean> {
  let posts = 0

  /** Writes, and notes what it changes. Unless it is `foreign`, the token of who wrote knows of that. */
  async function write(
    what: string,
    facts: readonly (readonly [Fact, boolean])[],
    ask: Write,
    foreign = false,
  ): Promise<string | undefined> {
    const calledAtMs = driver.nowMs()
    const changes = facts.map(([one, value]): [Fact, Change] => [one, begin(one, value, calledAtMs)])
    tell(() => `${what} …`)
    const known = knownTo(ask.who, !foreign)
    const outcome = await driver.write(ask, known.token)
    const nowMs = driver.nowMs()
    tell(() => `${what}: ${said(outcome)}`)
    if (outcome.is === 'done') {
      const made = changes.filter(([one, change]) => hasChanged(one, change, nowMs)).map(([, change]) => change)
      if (!foreign) tokens.set(ask.who, { token: outcome.value.token, changes: new Set([...known.changes, ...made]) })
      for (const [one, change] of changes) {
        if (outcome.value.requested) takeBack(one, change)
        else change.ackedAtMs = nowMs
      }
      return outcome.value.id
    }
    if (outcome.is === 'refused') for (const [one, change] of changes) takeBack(one, change)
    else judge.unavailable(`${what}: ${said(outcome)}`, calledAtMs, nowMs)
    return undefined
  }

  /** A write that finds everything as it wants it raises nothing, so no token knows of it. With an account that is deleted its follows end unseen. */
  function hasChanged(one: Fact, change: Change, nowMs: number): boolean {
    const others = { ...one, changes: one.changes.filter((other) => other !== change) }
    const before = truthWithin(others, change.calledAtMs, nowMs, ({ ackedAtMs }) => ackedAtMs)
    return before === (change.value ? 'no' : 'yes') && !everybody().some((person) => log.fact('alive', person).changes.length > 0)
  }

  function said(outcome: Outcome<{ readonly id: string | undefined; readonly requested: boolean }>): string {
    if (outcome.is !== 'done') return 'why' in outcome ? `${outcome.is} (${outcome.why})` : 'no answer'
    return outcome.value.requested ? 'requested' : `done${outcome.value.id ? `, ${outcome.value.id}` : ''}`
  }

  async function create(activity: Activity, what: string, ask: Write): Promise<void> {
    log.activities.push(activity)
    const id = await write(what, [[activity.made, true]], ask)
    if (id !== undefined && activity.id === undefined) {
      activity.id = id
      log.byId.set(id, activity)
    }
  }

  async function act(command: Command): Promise<unknown> {
    switch (command.does) {
      case 'post': {
        const who = at(command.who)
        const { audience } = command
        const text = `post ${++posts}`
        const activity = { id: undefined, actor: who, root: undefined, text, audience, made: fact(false), kept: fact(true) }
        return create(activity, `${who} posts “${text}”${audience === 'public' ? '' : ' to followers'}`, {
          does: 'post',
          who,
          text,
          audience,
        })
      }
      case 'repost': {
        const who = at(command.who)
        const target = standing(() => true, command.nth)
        const root = target && rootOf(target)
        if (!target?.id || !root || root.kept.changes.length > 0) return
        if (log.activities.some((one) => one.actor === who && one.root === root && one.kept.changes.length === 0)) return
        const activity = {
          id: undefined,
          actor: who,
          root,
          text: root.text,
          audience: 'public' as const,
          made: fact(false),
          kept: fact(true),
        }
        return create(activity, `${who} reposts “${root.text}”`, { does: 'repost', who, post: target.id })
      }
      case 'undo':
      case 'delete': {
        const who = at(command.who)
        const target = standing((one) => one.actor === who && (one.root !== undefined) === (command.does === 'undo'), command.nth)
        const post = target?.root?.id ?? target?.id
        if (!target || post === undefined) return
        const what = command.does === 'undo' ? `${who} undoes the repost of “${target.text}”` : `${who} deletes “${target.text}”`
        await write(what, [[target.kept, false]], { does: command.does, who, post })
        return
      }
      case 'like':
      case 'unlike': {
        const who = at(command.who)
        const target = standing(() => true, command.nth)
        if (!target?.id) return
        await write(`${who} ${command.does}s “${target.text}”`, [[log.fact('likes', who, target.text), command.does === 'like']], {
          does: command.does,
          who,
          post: target.id,
        })
        return
      }
      case 'follow':
      case 'unfollow':
      case 'mute':
      case 'unmute':
      case 'unblock': {
        const [who, whom] = [at(command.who), at(command.whom)]
        if (who === whom) return
        const [kind, value] = BETWEEN[command.does]
        await write(`${who} ${command.does}s ${whom}`, [[log.fact(kind, who, whom), value]], { does: command.does, who, whom })
        return
      }
      case 'block': {
        const [who, whom] = [at(command.who), at(command.whom)]
        if (who === whom) return
        const facts = [log.fact('blocks', who, whom), log.fact('follows', who, whom), log.fact('follows', whom, who)]
        await write(
          `${who} blocks ${whom}`,
          facts.map((one, i) => [one, i === 0]),
          { does: 'block', who, whom },
        )
        return
      }
      case 'accept': {
        const [who, whom] = [at(command.who), at(command.whom)]
        if (who === whom) return
        await write(`${who} accepts ${whom}`, [[log.fact('follows', whom, who), true]], { does: 'accept', who, whom }, true)
        return
      }
      case 'go private':
      case 'go public':
      case 'suspend':
      case 'reinstate':
      case 'delete account': {
        const who = at(command.who)
        const [kind, value] = ACCOUNTS[command.does]
        await write(`${who}: ${command.does}`, [[log.fact(kind, who), value]], { does: command.does, who }, true)
        return
      }
      default:
        return NO_WRITE
    }
  }

  return async (command) => (await act(command)) !== NO_WRITE
}

const NO_WRITE = Symbol('no write')
