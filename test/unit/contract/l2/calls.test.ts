import { describe, expect, test } from 'vitest'
import {
  fillCall,
  invalidateCall,
  leaseCall,
  parseBeat,
  parseFillReply,
  parseLeaseReply,
  parseTexts,
  pushCall,
  releaseCall,
  runScript,
} from '../../../../contract/l2/calls.ts'
import { encodePushed, type PackedEntry } from '../../../../contract/l2/codec.ts'
import { SCRIPTS } from '../../../../contract/l2/scripts.ts'

const TOKEN = 't'.repeat(22)
const PAIRS = ['p:a', 'p:ls:a', 'p:b', 'p:ls:b']
const entryOf = (activityId: string): PackedEntry => ({ activityId, actorId: '1100000000000000001', audience: 'public' })
const ENTRIES = [entryOf('1500000000000000001'), entryOf('1500000000000000002')]

describe('keys and arguments stand where the scripts expect them', () => {
  test('lease', () => {
    const seen = { key: 'a', leastTruth: 7, beatsSoftEndMs: 1_763_700_000_000, seenSoftEndMs: 1_763_600_000_000, seenStamp: 12 }
    const nothing = { key: 'b', leastTruth: 0, beatsSoftEndMs: 0, seenSoftEndMs: 0, seenStamp: 0 }
    expect(leaseCall('p:', [seen, nothing], TOKEN, 3_000)).toEqual({
      script: SCRIPTS.lease,
      keys: PAIRS,
      args: [
        TOKEN,
        '3000',
        ...['0000000000000007', '1763700000000', '1763600000000', '00000012'],
        ...['0000000000000000', '0000000000000', '0000000000000', '00000000'],
      ],
    })
  })

  test('fill', () => {
    const values = [
      { key: 'a', text: 'A', keepMs: 1_000 },
      { key: 'b', text: 'B', keepMs: 2_000 },
    ]
    expect(fillCall('p:', values, TOKEN)).toEqual({ script: SCRIPTS.fill, keys: PAIRS, args: [TOKEN, '1000', 'A', '2000', 'B'] })
  })

  test.each([
    [1_000.4, '1000'],
    [3_001.5, '3002'],
    [0, '1'],
    [-5, '1'],
    [Number.POSITIVE_INFINITY, '1000000000000'],
  ])('a life of %d ms is written %s: Redis takes whole milliseconds only, and at least one', (ms, written) => {
    expect(fillCall('p:', [{ key: 'a', text: 'A', keepMs: ms }], TOKEN).args[1]).toBe(written)
    expect(leaseCall('p:', [], TOKEN, ms).args[1]).toBe(written)
    expect(releaseCall('p:', [], TOKEN, ms).args[1]).toBe(written)
  })

  test('push: the entries, then which of them each key gets, counted from 1', () => {
    const pairs = [
      { key: 'a', entry: 1 },
      { key: 'b', entry: 0 },
    ]
    expect(pushCall('p:', ENTRIES, pairs, 'hb:7')).toEqual({
      script: SCRIPTS.push,
      keys: [...PAIRS, 'p:hb:7'],
      args: [...ENTRIES.map(encodePushed), '002001'],
    })
  })

  test('invalidate: without a replacement the value is dropped', () => {
    const invalidations = [
      { key: 'a', truth: 7 },
      { key: 'b', truth: 8, replacement: { text: 'X', keepMs: 600_000 } },
    ]
    expect(invalidateCall('p:', invalidations, 'hb:7')).toEqual({
      script: SCRIPTS.invalidate,
      keys: [...PAIRS, 'p:hb:7'],
      args: ['0000000000000007', '0', '', '0000000000000008', '600000', 'X'],
    })
    expect(invalidateCall('p:', [], 'hb:7')).toEqual({ script: SCRIPTS.invalidate, keys: ['p:hb:7'], args: [] })
  })
})

describe('replies are parsed', () => {
  test('of lease', () => {
    expect(parseLeaseReply([2, 'new', 1, null, 0, 'other', 0, null], 4)).toEqual([
      { state: 'fresher', text: 'new' },
      { state: 'granted', text: undefined },
      { state: 'refused', text: 'other' },
      { state: 'refused', text: undefined },
    ])
  })

  test('of fill', () => {
    expect(parseFillReply([3, 'pushed', 1, '', -1, null], 3)).toEqual([{ stamp: 3, pushed: 'pushed' }, { stamp: 1, pushed: '' }, undefined])
  })

  test('of MGET', () => {
    expect(parseTexts(['a', null, ''], 3)).toEqual(['a', undefined, ''])
  })

  test('of push and invalidate', () => {
    expect(parseBeat(5)).toBe(5)
  })

  test.each([null, undefined, 'OK', [], [1], [1, null, 1], {}])('%j is no answer', (reply) => {
    expect(() => parseLeaseReply(reply, 1)).toThrow(TypeError)
    expect(() => parseFillReply(reply, 1)).toThrow(TypeError)
    expect(() => parseTexts(reply, 2)).toThrow(TypeError)
  })
  test.each([null, 0, -1, 1.5, 'x', true, '1', []])('%j is no heartbeat', (reply) => {
    expect(() => parseBeat(reply)).toThrow(TypeError)
  })
  test.each([3, -1, 0.5, null, true, '1', [1]])('%j is no state of a lease', (state) => {
    expect(() => parseLeaseReply([state, null], 1)).toThrow(TypeError)
  })
  test.each([0.5, null, true, '1', [1]])('%j is no stamp', (stamp) => {
    expect(() => parseFillReply([stamp, ''], 1)).toThrow(TypeError)
  })
  test.each([1, true, {}, []])('%j is no text', (text) => {
    expect(() => parseTexts([text], 1)).toThrow(TypeError)
    expect(() => parseLeaseReply([1, text], 1)).toThrow(TypeError)
    expect(() => parseFillReply([1, text], 1)).toThrow(TypeError)
  })
})

describe('a script runs by its hash', () => {
  const call = leaseCall('p:', [], TOKEN, 1)
  const runner = (evalsha: () => Promise<unknown>) => {
    const sent: string[] = []
    return {
      sent,
      evalsha: (sha: string) => {
        sent.push(sha)
        return evalsha()
      },
      eval: async (text: string) => {
        sent.push(text)
        return 'by text'
      },
    }
  }

  test('and its text is sent once more only to a Redis that does not know it', async () => {
    const unknowing = runner(async () => {
      throw new Error('NOSCRIPT No matching script.')
    })
    expect(await runScript(unknowing, call)).toBe('by text')
    expect(unknowing.sent).toEqual([SCRIPTS.lease.sha, SCRIPTS.lease.text])
    const knowing = runner(async () => 'by hash')
    expect(await runScript(knowing, call)).toBe('by hash')
    expect(knowing.sent).toEqual([SCRIPTS.lease.sha])
  })

  test.each(['timeout', 'OOM command not allowed, command was: ["evalsha","a post about NOSCRIPT"]'])(
    'and no other failure is tried again: %s',
    async (message) => {
      const failing = runner(async () => {
        throw new Error(message)
      })
      await expect(runScript(failing, call)).rejects.toThrow(message)
      expect(failing.sent).toHaveLength(1)
    },
  )
})
