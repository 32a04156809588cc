import { createUpstashFacade } from '../../dev/upstash-facade.ts'

/** The process of a façade. */
export async function open(options: { redisUrl: string; token: string; latencyMs: number }) {
  const facade = createUpstashFacade(options)
  const { url } = await facade.listen()
  return {
    url: async () => url,
    requests: async () => facade.stats.requests,
    cpuS: async () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    },
  }
}
