import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const WRANGLER = fileURLToPath(new URL('../../node_modules/.bin/wrangler', import.meta.url))
const bundles = new Map<string, Promise<string>>()

/** The path of a Worker's bundle as `wrangler deploy` would make it; made once, gone when the bench ends. */
export function bundleOf(source: string): Promise<string> {
  const bundle = bundles.get(source) ?? makeBundle(source)
  bundles.set(source, bundle)
  return bundle
}

async function makeBundle(source: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tideline-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const config = join(folder, 'wrangler.json')
  const worker = { name: 'bench', main: source, compatibility_date: '2026-10-01', compatibility_flags: ['nodejs_compat'] }
  await writeFile(config, JSON.stringify(worker))
  const env = { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' }
  await promisify(execFile)(WRANGLER, ['deploy', '--dry-run', '--config', config, '--outdir', join(folder, 'out')], { env })
  return join(folder, 'out', source.replace(/^.*\//, '').replace(/\.[jt]s$/, '.js'))
}
