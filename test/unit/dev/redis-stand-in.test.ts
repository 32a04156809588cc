import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SCRIPTS } from '../../../contract/l2/scripts.ts'
import { plainScript } from '../../../dev/redis-commander.ts'
import { createEngine } from '../../../dev/redis-stand-in/engine.ts'
import { createKeyspace } from '../../../dev/redis-stand-in/keyspace.ts'
import { openSession } from '../../../dev/redis-stand-in/session.ts'
import { parseSettings } from '../../../dev/redis-stand-in/settings.ts'
import { readSnapshot, writeSnapshot } from '../../../dev/redis-stand-in/snapshot.ts'
import { encodeRequest } from '../../support/redis-dialect/step.ts'

const BYTES = String.fromCharCode(...Array(256).keys())

async function open(clock = { ms: 1_000_000 }) {
  const shutdowns: (boolean | undefined)[] = []
  const server = { settings: parseSettings([]), save() {}, shutdown: (save: boolean | undefined) => void shutdowns.push(save) }
  const engine = await createEngine({ clock: { nowMs: () => clock.ms }, server })
  const session = openSession(engine)
  const hear = (text: string) => session.receive(Buffer.from(text, 'latin1')).toString('latin1')
  return { clock, engine, session, shutdowns, hear, ask: (...words: string[]) => hear(encodeRequest(words)) }
}

test('a key ends at its millisecond, for every command and for scripts', async () => {
  const { clock, ask } = await open()
  ask('SET', 'k', 'v', 'PX', '1500')
  expect([ask('PTTL', 'k'), ask('TTL', 'k'), ask('PEXPIRETIME', 'k')]).toEqual([':1500\r\n', ':2\r\n', ':1001500\r\n'])
  clock.ms += 1_499
  expect([ask('GET', 'k'), ask('PTTL', 'k')]).toEqual(['$1\r\nv\r\n', ':1\r\n'])
  clock.ms += 1
  expect([ask('EVAL', "return redis.call('EXISTS', 'k')", '0'), ask('TTL', 'k'), ask('SET', 'k', 'w', 'XX')]).toEqual([
    ':0\r\n',
    ':-2\r\n',
    '$-1\r\n',
  ])
})

test('a sweep frees what nobody asks for, and looks at no more keys than it may', () => {
  let nowMs = 0
  const keyspace = createKeyspace(() => nowMs)
  for (let i = 0; i < 1_000; i++) {
    keyspace.put(`k${i}`, 'v')
    if (i % 2) keyspace.expireAt(`k${i}`, 10)
  }
  nowMs = 10
  keyspace.sweep(100)
  expect(keyspace.size).toBe(900)
  for (let i = 0; i < 5; i++) keyspace.sweep(100)
  expect(keyspace.size).toBe(500)
})

test('a number that lies between two of 17 digits becomes the even one, as in C', async () => {
  const { ask } = await open()
  for (const [number, text] of [
    ['1e15 / 1.5', '666666666666666.62'],
    ['-1e15 / 1.5', '-666666666666666.62'],
    ['666666666666666.875', '666666666666666.88'],
    ['1e15 / 3', '333333333333333.31'],
  ]) {
    expect(ask('EVAL', `redis.call('SET', 'k', ${number}) return redis.call('GET', 'k')`, '0')).toBe(`$${text?.length}\r\n${text}\r\n`)
  }
})

test('what no client sends ends in an error or an answer, and harms nobody', async () => {
  const { ask } = await open()
  ask('SET', 'm', 'v')
  expect(ask('KEYS', '[z-a]')).toBe('*1\r\n$1\r\nm\r\n') // Redis turns the range round
  const { hear } = await open()
  expect(hear('*1\r\n$-12\r\n')).toMatch(/^-ERR Protocol error: invalid bulk length/)
})

test('requests are understood however their bytes are cut', async () => {
  const { session } = await open()
  const requests = ['SET', 'GET', 'DEL']
    .map((name) => encodeRequest(name === 'SET' ? [name, BYTES, `${BYTES}\r\n`] : [name, BYTES]))
    .join('')
  const whole = session.receive(Buffer.from(requests, 'latin1')).toString('latin1')
  expect(whole).toBe(`+OK\r\n$258\r\n${BYTES}\r\n\r\n:1\r\n`)
  fc.assert(
    fc.property(fc.array(fc.nat(requests.length), { maxLength: 20 }), (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), requests.length]
      const parts = at.slice(1).map((end, i) => session.receive(Buffer.from(requests.slice(at[i], end), 'latin1')).toString('latin1'))
      expect(parts.join('')).toBe(whole)
    }),
    { seed: Number(process.env.SEED ?? 20_261_121), numRuns: 50 },
  )
})

test('what is no request is answered by an error and the end of the connection', async () => {
  const { session, hear } = await open()
  expect(hear('PING\r\n')).toBe("-ERR Protocol error: expected '*', got 'P'\r\n")
  expect(session.leaving).toBe(true)
})

test('RESP3 is spoken when HELLO asks for it: null and maps', async () => {
  const { ask } = await open()
  ask('HSET', 'h', 'f', 'v')
  expect([ask('GET', 'none'), ask('HGETALL', 'h')]).toEqual(['$-1\r\n', '*2\r\n$1\r\nf\r\n$1\r\nv\r\n'])
  expect(ask('HELLO', '3')).toMatch(/^%7\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n/)
  expect([ask('GET', 'none'), ask('HGETALL', 'h')]).toEqual(['_\r\n', '%1\r\n$1\r\nf\r\n$1\r\nv\r\n'])
})

test('a script cannot leave anything behind for the next one', async () => {
  const { ask } = await open()
  for (const mischief of ['x = 1', 'redis.call = 1', 'string.sub = nil', 'setmetatable(_G, {})', 'KEYS = 1']) {
    expect([mischief, ask('EVAL', mischief, '0')]).toEqual([mischief, expect.stringMatching(/^-ERR .*(readonly|protected)/)])
  }
  expect(ask('EVAL', "return string.sub('abc', 2, 2)", '0')).toBe('$1\r\nb\r\n')
})

test('a push of a thousand keys is one script and loses nothing', async () => {
  const { ask } = await open()
  const keys = Array.from({ length: 1_000 }, (_, i) => [`tl:${i}`, `ls:${i}`]).flat()
  const args = [plainScript(SCRIPTS.push.text), '2001', ...keys, 'hb', 'entry', '001'.repeat(1_000)]
  const value = `2${'0'.repeat(72)}+`
  for (const [index, key] of keys.entries()) if (index % 2 === 0) ask('SET', key, value)
  expect(ask('EVAL', ...args)).toBe(':1\r\n')
  expect(ask('GET', 'tl:999')).toBe(`$79\r\n2${'0'.repeat(60)}000000010010+entry\r\n`)
})

test('a snapshot keeps every byte, end and type; a file of another make is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tideline-snapshot-'))
  try {
    const file = join(folder, 'dump')
    const [before, after] = [await open(), await open()]
    before.ask('SET', BYTES, BYTES, 'PX', '500')
    before.ask('HSET', 'h', 'f', BYTES)
    before.ask('RPUSH', 'l', BYTES, '2')
    writeSnapshot(file, before.engine.keyspace)
    readSnapshot(file, after.engine.keyspace)
    for (const words of [['GET', BYTES], ['PTTL', BYTES], ['HGETALL', 'h'], ['LRANGE', 'l', '0', '-1'], ['DBSIZE']]) {
      expect(after.ask(...words)).toBe(before.ask(...words))
    }
    readSnapshot(join(folder, 'none'), after.engine.keyspace)
    writeFileSync(file, 'REDIS0010')
    expect(() => readSnapshot(file, after.engine.keyspace)).toThrow(/not a snapshot of the stand-in/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test("redis-server's arguments are understood, and what we cannot do is refused", () => {
  const settings = parseSettings(['--port', '7', '--save', '', '--save', '3600', '1', '--appendonly', 'no'])
  expect([settings.get('port'), settings.get('save'), settings.get('dbfilename')]).toEqual(['7', '3600 1', 'dump.rdb'])
  expect(parseSettings(['--save', '']).get('save')).toBe('')
  expect(() => parseSettings(['--cluster-enabled', 'yes'])).toThrow(/does not know the argument "--cluster-enabled"/)
  expect(() => parseSettings(['--appendonly', 'yes'])).toThrow(/keeps no log of writes/)
})

test('SHUTDOWN saves or not, as it is told', async () => {
  const { ask, shutdowns } = await open()
  for (const words of [['SHUTDOWN'], ['SHUTDOWN', 'NOSAVE'], ['SHUTDOWN', 'save'], ['SHUTDOWN', 'x']]) ask(...words)
  expect(shutdowns).toEqual([undefined, false, true])
})
