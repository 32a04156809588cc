import { expect, test } from 'vitest'
import { mintedAtMs } from '../../../../contract/ids.ts'
import { CannotMint, LEASE_MS, type MachineStore, openMint, RENEW_EVERY_MS } from '../../../../origin/ids/mint.ts'

const NOW_MS = 1_763_700_000_000
const MARGIN_MS = 5_000

/** Postgres' machines in memory, a process's clock, and how far the two are apart. */
function setUp({ machines = 2, skewMs = 0, roundTripMs = 0 } = {}) {
  const rows = Array.from({ length: machines }, () => ({ owner: '', untilMs: 0, highWaterMs: 0 }))
  const time = { passedMs: 0, skewMs, roundTripMs }
  const databaseNowMs = () => NOW_MS + time.passedMs
  const clock = {
    nowMs: () => databaseNowMs() + time.skewMs,
    monotonicMs: () => 50_000 + time.passedMs,
  }
  const held = (machineId: number, owner: string) => {
    const row = rows[machineId]
    return row?.owner === owner && row.untilMs > databaseNowMs() ? row : undefined
  }
  const calls: string[] = []
  const store: MachineStore = {
    async claim(owner, leaseMs) {
      calls.push('claim')
      const machineId = rows.findIndex((row) => row.owner === '' || row.untilMs < databaseNowMs() - 2_000)
      const row = rows[machineId]
      if (!row) return undefined
      Object.assign(row, { owner, untilMs: databaseNowMs() + leaseMs })
      const answer = { machineId, highWaterMs: row.highWaterMs, databaseNowMs: databaseNowMs() }
      time.passedMs += time.roundTripMs
      return answer
    },
    async renew({ machineId, owner, leaseMs, highWaterMs }) {
      calls.push('renew')
      const row = held(machineId, owner)
      if (!row) return undefined
      Object.assign(row, { untilMs: databaseNowMs() + leaseMs, highWaterMs: Math.max(row.highWaterMs, highWaterMs) })
      const answer = { databaseNowMs: databaseNowMs() }
      time.passedMs += time.roundTripMs
      return answer
    },
    async release(machineId, owner, highWaterMs) {
      calls.push('release')
      const row = rows[machineId]
      if (row?.owner === owner) Object.assign(row, { owner: '', highWaterMs: Math.max(row.highWaterMs, highWaterMs) })
    },
  }
  return { rows, time, clock, store, calls }
}
const machineOf = (id: bigint): number => Number((id >> 12n) & 1_023n)

test('it mints with the machine id it leased', async () => {
  const { store, clock } = setUp()
  const [a, b] = [await openMint(store, clock, 'a'), await openMint(store, clock, 'b')]
  expect([a.machineId, b.machineId]).toEqual([0, 1])
  expect([machineOf(a.mint()), machineOf(b.mint())]).toEqual([0, 1])
})

test('when every machine id is leased it does not open, and says so', async () => {
  const { store, clock } = setUp({ machines: 1 })
  await openMint(store, clock, 'a')
  await expect(openMint(store, clock, 'b')).rejects.toThrow(CannotMint)
})

test('it stops minting a margin before the lease ends, by the monotonic clock', async () => {
  const { store, clock, time } = setUp()
  const mint = await openMint(store, clock, 'a')
  time.passedMs += LEASE_MS - MARGIN_MS - 1
  mint.mint()
  time.passedMs += 1
  expect(() => mint.mint()).toThrow(CannotMint)
})

test('the deadline counts from when the lease was asked for, not from when the answer came', async () => {
  const { store, clock, time } = setUp({ roundTripMs: 2_000 })
  const mint = await openMint(store, clock, 'a')
  time.passedMs = LEASE_MS - MARGIN_MS - 1
  mint.mint()
  time.passedMs += 1
  expect(() => mint.mint()).toThrow(CannotMint)
})

test('a process that was paused beyond its lease mints nothing, though its wall clock was set back', async () => {
  const { store, clock, time } = setUp()
  const mint = await openMint(store, clock, 'a')
  time.passedMs += 60_000
  time.skewMs = -60_000
  expect(() => mint.mint()).toThrow('the lease of the machine id has run out')
})

test('renewed in time, it mints for ever', async () => {
  const { store, clock, time, calls } = setUp()
  const mint = await openMint(store, clock, 'a')
  for (let i = 0; i < 20; i++) {
    time.passedMs += RENEW_EVERY_MS
    await mint.renew()
    expect(machineOf(mint.mint())).toBe(0)
  }
  expect(calls.filter((call) => call === 'claim')).toHaveLength(1)
})

test('a lease that was taken over is claimed anew, with another machine id', async () => {
  const { store, clock, time } = setUp()
  const mint = await openMint(store, clock, 'a')
  const first = mint.mint()
  time.passedMs += LEASE_MS + 3_000
  const other = await openMint(store, clock, 'b')
  expect(other.machineId).toBe(0)
  await mint.renew()
  expect(mint.machineId).toBe(1)
  expect(machineOf(mint.mint())).toBe(1)
  expect(other.mint()).toBeGreaterThan(first)
})

test('from the moment it knows that its lease is lost until it has another it mints nothing', async () => {
  const { store, clock, rows } = setUp({ machines: 1 })
  const mint = await openMint(store, clock, 'a')
  mint.mint()
  Object.assign(rows[0] ?? {}, { owner: 'b' }) // by hand, or Postgres came back as it was earlier
  await expect(mint.renew()).rejects.toThrow(CannotMint)
  expect(() => mint.mint()).toThrow(CannotMint)
})

test('a renewal that fails takes nothing away: the lease is good until its deadline', async () => {
  const { store, clock, time } = setUp()
  let down = false
  const flaky: MachineStore = { ...store, renew: (lease) => (down ? Promise.reject(new Error('Postgres is down')) : store.renew(lease)) }
  const mint = await openMint(flaky, clock, 'a')
  down = true
  time.passedMs += RENEW_EVERY_MS
  await expect(mint.renew()).rejects.toThrow('Postgres is down')
  mint.mint()
  time.passedMs += LEASE_MS - MARGIN_MS - RENEW_EVERY_MS
  expect(() => mint.mint()).toThrow(CannotMint)
})

test.each([1_500, -1_500])('a clock %i ms away from that of Postgres mints nothing, until it is right again', async (skewMs) => {
  const { store, clock, time } = setUp({ skewMs })
  const mint = await openMint(store, clock, 'a')
  expect(() => mint.mint()).toThrow("1500 ms away from Postgres'")
  time.skewMs = 0
  await mint.renew()
  mint.mint()
})

test('a clock that steps between two renewals is found out at once: no id comes from the future', async () => {
  const { store, clock, time } = setUp()
  const mint = await openMint(store, clock, 'a')
  time.passedMs += 1_000
  mint.mint()
  time.skewMs = 3_600_000
  expect(() => mint.mint()).toThrow("3600000 ms away from Postgres'")
  time.skewMs = 0
  mint.mint()
})

test('a slow answer is no skew', async () => {
  const { store, clock } = setUp({ roundTripMs: 3_000 })
  ;(await openMint(store, clock, 'a')).mint()
})

test('it starts above the high water of its predecessor, though its own clock is behind', async () => {
  const { store, clock, time } = setUp({ machines: 1 })
  const first = await openMint(store, clock, 'a')
  const last = Array.from({ length: 10 }, () => first.mint()).at(-1) ?? 0n
  await first.close()
  time.skewMs = -800
  const second = await openMint(store, clock, 'b')
  const id = second.mint()
  expect(machineOf(id)).toBe(machineOf(last))
  expect(mintedAtMs(String(id))).toBeGreaterThan(mintedAtMs(String(last)))
})

test('the high water reaches the store with every renewal, for a successor of a process that died', async () => {
  const { store, clock, time, rows } = setUp()
  const mint = await openMint(store, clock, 'a')
  time.passedMs += 1_234
  mint.mint()
  await mint.renew()
  expect(rows[0]?.highWaterMs).toBe(NOW_MS + 1_234)
})

test('once closed it mints nothing, and its machine id is free', async () => {
  const { store, clock, rows } = setUp()
  const mint = await openMint(store, clock, 'a')
  mint.mint()
  await mint.close()
  expect(() => mint.mint()).toThrow(CannotMint)
  expect(rows[0]).toMatchObject({ owner: '', highWaterMs: NOW_MS })
})
