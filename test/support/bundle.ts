import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Bundle {
  readonly path: string
  remove(): Promise<void>
}

/** Bundles the worker around the cache alone, by the bundler inside wrangler. */
export async function bundleCacheWorker(): Promise<Bundle> {
  const folder = await mkdtemp(join(tmpdir(), 'tideline-bundle-'))
  const path = join(folder, 'index.js')
  const how = ['--bundle', '--format=esm', '--target=es2024', '--conditions=workerd,worker,browser', `--outfile=${path}`]
  const esbuild = join(ROOT, 'node_modules', '.bin', 'esbuild')
  await promisify(execFile)(esbuild, ['test/support/cache-worker/index.ts', ...how], { cwd: ROOT })
  return { path, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** Bundles the worker exactly as `wrangler deploy` would. */
export async function bundleWorker(): Promise<Bundle> {
  const folder = await mkdtemp(join(tmpdir(), 'tideline-bundle-'))
  const wrangler = join(ROOT, 'node_modules', '.bin', 'wrangler')
  const env = { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' }
  await promisify(execFile)(wrangler, ['deploy', '--dry-run', '--outdir', folder], { cwd: ROOT, env })
  return { path: join(folder, 'index.js'), remove: () => rm(folder, { recursive: true, force: true }) }
}
