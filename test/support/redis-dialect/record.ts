import { writeFile } from 'node:fs/promises'
import { runCommand } from '../../../dev/command-line.ts'
import { startRedis } from '../redis.ts'
import { serverPlayer } from './players.ts'
import { digestsOf, RECORDED_FILE } from './recorded.ts'

/** `TIDELINE_REDIS=real node test/support/redis-dialect/record.ts`: records anew what a real Redis answers, after sequences have changed. */
await runCommand(async () => {
  const redis = await startRedis()
  const player = serverPlayer(redis.port)
  try {
    const recorded = { redis: await redis.version(), digests: await digestsOf(player.play) }
    await writeFile(RECORDED_FILE, `${JSON.stringify(recorded, null, 1)}\n`)
    process.stdout.write(`${recorded.digests.length} sequences recorded with Redis ${recorded.redis}\n`)
  } finally {
    player.close()
    await redis.stop()
  }
})
