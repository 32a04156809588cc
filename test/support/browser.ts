import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

/** The first is Chromium without a desktop, which needs two thirds of the processor time. */
const PROGRAMS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const MAC = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'
/** Nothing outside this machine is asked, also not by the browser itself. */
const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']

export const HOW_TO_GET_ONE =
  'The reader page was not tested: no Chromium. Get one (apt-get install chromium, brew install --cask chromium) or name one (CHROME=path).'

/** The system's Chromium or Chrome: `CHROME`, or what the PATH has; undefined where there is none. */
export async function findBrowser(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  if (env.CHROME) return env.CHROME
  const onPath = (env.PATH ?? '').split(delimiter).flatMap((folder) => PROGRAMS.map((program) => join(folder, program)))
  for (const path of [...onPath, MAC]) {
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (runs) return path
  }
  return undefined
}

export const launchBrowser = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: [...QUIET, '--disable-component-update', '--disable-sync'] })
