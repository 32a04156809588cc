import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Bundles the worker exactly as `wrangler deploy` would. */
export async function bundleWorker(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'tideline-bundle-'))
  const wrangler = join(ROOT, 'node_modules', '.bin', 'wrangler')
  const env = { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' }
  await promisify(execFile)(wrangler, ['deploy', '--dry-run', '--outdir', folder], { cwd: ROOT, env })
  return { path: join(folder, 'index.js'), remove: () => rm(folder, { recursive: true, force: true }) }
}
