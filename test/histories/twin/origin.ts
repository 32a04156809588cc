import type { MemoryTier } from '../../support/memory-shared-tier.ts'
import type { HistoryClock } from '../clock.ts'
import * as debts from './debts.ts'
import { createDelivery, type Delivery } from './delivery.ts'
import { createLoops } from './loops.ts'
import type { Network } from './network.ts'
import { createProcess, type Process } from './process.ts'
import type { State } from './state.ts'

const BEAT_MS = 1_000
/** The lease of a machine id runs out, and is found out by another process (milliseconds). */
const BURIAL_MS = 32_000
const DEATH_MS = 60_000

export interface Server {
  readonly process: Process
  readonly delivery: Delivery
}

interface Parts {
  readonly clock: HistoryClock
  readonly random: () => number
  readonly l2: MemoryTier
  readonly network: Network
  readonly state: State
  /** Beats are told and noted: only a history whose Redis loses writes needs them. */
  readonly beats: boolean
}

/** The processes of the origin, by steps that are instants: they can be slow, and die between any two. */
export interface Servers {
  readonly servers: readonly Server[]
  start(): void
  /** A request as it arrives at one of the processes. Rejects where none lives. */
  served<T>(work: (server: Server) => Promise<T>): Promise<T>
  /** There is a job. */
  ring(): void
  /** Something is owed. */
  owed(): void
  /** Follower counts changed. */
  tiersChanged(): void
  /** Nothing is begun any more. */
  close(): void
}

export function createServers({ clock, random, l2, network, state, beats }: Parts): Servers {
  const servers: Server[] = []
  let machines = 0
  let closed = false
  const anyServer = (): Server | undefined => servers[Math.floor(random() * servers.length)]
  const loops = createLoops({ clock, random, state, servers, anyServer, isClosed: () => closed })

  function start(): void {
    const process = createProcess(++machines, clock, network, () => {
      servers.splice(servers.indexOf(server), 1)
      loops.ring()
      void bury()
    })
    const server = { process, delivery: createDelivery(process, { clock, state, l2, owed: loops.owed }) }
    servers.push(server)
    if (beats) void beatOn(server)
    loops.ring()
    loops.owed()
  }

  async function bury(): Promise<void> {
    await clock.sleep(BURIAL_MS)
    await anyServer()?.process.step(() => debts.oweAgain(state, DEATH_MS))
    loops.owed()
  }

  async function beatOn({ process, delivery }: Server): Promise<void> {
    let recovered = false
    while (process.alive && !closed) {
      try {
        if (!recovered) await delivery.recoverAtStart()
        recovered = true
        await delivery.beat()
      } catch {
        // tried again
      }
      await clock.sleep(BEAT_MS)
    }
  }

  return {
    servers,
    start,
    ring: loops.ring,
    owed: loops.owed,
    tiersChanged: loops.tiersChanged,
    async served(work) {
      await clock.sleep(network.originMs())
      const server = anyServer()
      if (!server) throw new Error('no process of the origin lives')
      const answer = await work(server)
      await clock.sleep(network.originMs())
      return answer
    },
    close() {
      closed = true
    },
  }
}
