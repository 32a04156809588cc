import { readdir, readFile } from 'node:fs/promises'
import { UsageError } from '../../dev/command-line.ts'

/**
 * CPU time a process has used so far, all threads, user and system (milliseconds). Linux only: the scheduler's own count of each thread
 * where the kernel keeps it (nanoseconds), else the process's ticks of 10 ms.
 */
export async function cpuMsOf(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => {
    throw new UsageError('CPU time is read from /proc, which this system does not have: run the benchmark on Linux')
  })
  const counts = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '')))
  const nanoseconds = counts.reduce((sum, count) => sum + Number(count.split(' ')[0] || 0), 0)
  return nanoseconds > 0 ? nanoseconds / 1e6 : ticksOf(await readFile(`/proc/${pid}/stat`, 'utf8')) * 10
}

/** utime and stime; the name of the program, in brackets, may hold blanks. */
function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
