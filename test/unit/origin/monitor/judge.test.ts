import { describe, expect, test } from 'vitest'
import { type Answer, type Change, judge, type ListTruth, type ValueTruth } from '../../../../origin/monitor/judge.ts'

const PROMISED_MS = 5_000
const LOOKED_AT_MS = 1_000_000
/** Moments before the look: settled, and within the promise. */
const OLD = LOOKED_AT_MS - PROMISED_MS
const YOUNG = OLD + 1

const value = (truth: number, digest: string): Answer => ({ key: 'us:1', truth, says: { is: 'value', digest } })
const truthIs = (truth: number, digest: string, rest: Partial<ValueTruth> = {}): ValueTruth => ({
  truth,
  digest,
  changes: [],
  untold: undefined,
  ...rest,
})
const change = (truth: number, atMs: number, acknowledgedAtMs: number | undefined): Change => ({ truth, atMs, acknowledgedAtMs })
const verdict = (answer: Answer, truth: ValueTruth | ListTruth) => judge(answer, truth, LOOKED_AT_MS, PROMISED_MS).verdict

describe('a value', () => {
  test.each<[what: string, answer: Answer, truth: ValueTruth, verdict: string]>([
    ['the same', value(3, 'b'), truthIs(3, 'b'), 'right'],
    ['again what it was, under a later version', value(1, 'a'), truthIs(3, 'a', { changes: [change(2, 0, 1), change(3, 0, 1)] }), 'right'],
    ['something else under the same version', value(3, 'a'), truthIs(3, 'b'), 'wrong'],
    ['a version that Postgres has not reached', value(4, 'a'), truthIs(3, 'b'), 'wrong'],
    ['older, nobody was told', value(2, 'a'), truthIs(3, 'b'), 'wrong'],
    ['older, acknowledged long ago', value(2, 'a'), truthIs(3, 'b', { changes: [change(3, 0, OLD)] }), 'wrong'],
    ['older, acknowledged just now', value(2, 'a'), truthIs(3, 'b', { changes: [change(3, 0, YOUNG)] }), 'late'],
    ['older, owed for long', value(2, 'a'), truthIs(3, 'b', { changes: [change(3, OLD, undefined)] }), 'beyond'],
    ['older, owed since just now', value(2, 'a'), truthIs(3, 'b', { changes: [change(3, YOUNG, undefined)] }), 'late'],
    [
      'older by two changes, the first acknowledged long ago',
      value(1, 'a'),
      truthIs(3, 'b', { changes: [change(2, 0, OLD), change(3, YOUNG, undefined)] }),
      'wrong',
    ],
    ['the newest, made cold on purpose', value(3, 'b'), truthIs(3, 'b', { changes: [change(4, 0, OLD)] }), 'right'],
    ['a body of an account that is being swept', value(2, 'a'), truthIs(3, 'b', { untold: { changedAtMs: 0, covered: true } }), 'late'],
    ['a body whose account changed just now', value(2, 'a'), truthIs(3, 'b', { untold: { changedAtMs: YOUNG, covered: false } }), 'late'],
    ['a body that a sweep left out', value(2, 'a'), truthIs(3, 'b', { untold: { changedAtMs: OLD, covered: false } }), 'wrong'],
  ])('%s: %s', (_, answer, truth, expected) => {
    expect(verdict(answer, truth)).toBe(expected)
  })
})

describe('a list', () => {
  const list = (ids: readonly string[], truth = 7): Answer => ({
    key: 'tl:1',
    truth,
    says: { is: 'list', since: '0', entries: ids.map((activityId) => ({ activityId, actorId: '9' })) },
  })
  const holds = (rows: ListTruth['rows'], rest: Partial<ListTruth> = {}): ListTruth => ({
    truth: 7,
    leastTruth: 7,
    changes: [],
    changedAtMs: 0,
    rows,
    strangers: [],
    ...rest,
  })
  const delivered = (atMs: number) => ({ activityId: '2', state: 'delivered' as const, atMs })
  const owed = (atMs: number) => ({ activityId: '2', state: 'owed' as const, atMs })
  test.each<[what: string, answer: Answer, truth: ListTruth, verdict: string]>([
    ['holds what was delivered, and what is still on its way', list(['3', '2', '1']), holds([delivered(OLD), owed(OLD)]), 'right'],
    ['lacks what was delivered long ago', list(['3', '1']), holds([delivered(OLD)]), 'wrong'],
    ['lacks what was delivered just now', list(['3', '1']), holds([delivered(YOUNG)]), 'late'],
    ['lacks what has been on its way for long', list(['1']), holds([owed(OLD)]), 'beyond'],
    ['lacks what is on its way since just now', list(['1']), holds([owed(YOUNG)]), 'late'],
    ['lacks something after a follow just now', list(['1']), holds([delivered(OLD)], { changedAtMs: YOUNG }), 'late'],
    ['holds what has no place there', list(['1']), holds([], { strangers: ['1'] }), 'wrong'],
    ['holds what has had a place there until just now', list(['1']), holds([], { strangers: ['1'], changedAtMs: YOUNG }), 'late'],
    ['was made cold on purpose long ago', list(['1']), holds([], { changes: [change(8, 0, OLD)] }), 'right'],
    ['is older than readers take it', list([], 6), holds([delivered(OLD)]), 'right'],
    ['is older than readers take it, and should have been dropped', list([], 6), holds([], { changes: [change(7, 0, OLD)] }), 'wrong'],
  ])('%s: %s', (_, answer, truth, expected) => {
    expect(verdict(answer, truth)).toBe(expected)
  })
})

test('caches first, then the truth: a write between the two is no alarm; the other way round it would be', () => {
  const [before, after] = [truthIs(1, 'a'), truthIs(2, 'b', { changes: [change(2, LOOKED_AT_MS, LOOKED_AT_MS)] })]
  expect(verdict(value(1, 'a'), after)).toBe('late')
  expect(verdict(value(2, 'b'), before)).toBe('wrong')
})
