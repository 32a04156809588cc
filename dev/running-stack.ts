import { UsageError } from './command-line.ts'
import { isRunning } from './lock.ts'
import { DEFAULT_STATE_DIR, type DevState, readState } from './state.ts'

/** The stack that `npm start` runs, undefined when none does. */
export async function runningStack(stateDir = DEFAULT_STATE_DIR): Promise<DevState | undefined> {
  const state = await readState(stateDir)
  return state && (await isRunning(state.pid)) ? state : undefined
}

/** The database a command means when it is not told: that of the running stack, else DATABASE_URL. */
export async function findDatabase(): Promise<{ readonly url: string; readonly crowdFloor: number | undefined }> {
  const state = await runningStack()
  const url = state?.databaseUrl ?? process.env.DATABASE_URL
  if (!url) throw new UsageError('which database? Run npm start first, set DATABASE_URL or give --database-url')
  return { url, crowdFloor: state?.crowdFloor }
}
