import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { startCluster } from '../../../dev/postgres.ts'
import { freePort } from '../../../test/support/free-port.ts'
import { cpuOfEnded } from './work.ts'

const ROWS = 600_000
const SETTINGS = {
  shared_buffers: '256MB',
  fsync: 'off',
  full_page_writes: 'off',
  checkpoint_timeout: '1h',
  max_wal_size: '4GB',
  autovacuum: 'off',
}

/**
 * CPU seconds that a byte of WAL costs each standby: a server of our own writes rows of timelines, is killed, and replays its log when it starts again, which is
 * what a standby does with it all day.
 */
export async function walPrice(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'tideline-wal-'))
  await chmod(folder, 0o755) // as root, the server runs as another user
  const start = async () => startCluster({ dataDir: join(folder, 'data'), port: await freePort() }, SETTINGS)
  let server = await start()
  try {
    const client = postgres(server.url, { max: 1, onnotice: () => {} })
    await client`create table entry (viewer_id bigint, activity_id bigint, author_id bigint, primary key (viewer_id, activity_id))`
    await client`insert into entry select hashint8(n) & 65535, n, n from generate_series(1, 500000) n`
    await client`checkpoint`
    const [before] = await client`select pg_current_wal_insert_lsn()::text as lsn`
    await client`insert into entry select hashint8(n) & 65535, n, n from generate_series(500001, ${500_000 + ROWS}) n`
    const [written] = await client`select pg_current_wal_insert_lsn() - ${before?.lsn}::pg_lsn as bytes`
    process.kill(server.pid, 'SIGQUIT') // an immediate end: nothing is written but the log
    await server.ended
    await client.end({ timeout: 1 })
    server = await start()
    return cpuOfEnded(server.pid) / Number(written?.bytes)
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
