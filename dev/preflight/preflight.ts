import { runChecks, type Verdict } from './check.ts'
import { checkDatabase } from './database.ts'
import type { Deployment } from './deployment.ts'
import { checkOrigin } from './origin.ts'
import { checkRedis } from './redis.ts'
import { secretChecks } from './secrets.ts'
import { agreementChecks, variableChecks } from './variables.ts'
import { modeChecks } from './worker.ts'

/** Checks everything about a deployment at once. `localSecrets` are those of `npm start`, which are known to whoever has this disk. */
export async function preflight(
  deployment: Deployment,
  localSecrets: readonly string[] = [],
  nowMs: () => number = Date.now,
): Promise<readonly Verdict[]> {
  const { origin, worker } = deployment
  const groups = await Promise.all([
    runChecks([...variableChecks(deployment), ...agreementChecks(deployment), ...secretChecks(deployment, localSecrets)]),
    runChecks(modeChecks(deployment)),
    origin ? checkDatabase(origin, nowMs) : [],
    checkRedis(deployment, nowMs),
    worker ? checkOrigin(worker, nowMs) : [],
  ])
  return groups.flat()
}
