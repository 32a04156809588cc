import { readFile, rename, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

// node search-index.ts FILE          follows the log and keeps an index of all public posts in FILE
// node search-index.ts FILE WORD     prints the posts that hold the word
const [file, word] = process.argv.slice(2)
const { TIDELINE_URL = 'http://127.0.0.1:8787', TIDELINE_TOKEN = '' } = process.env // npm run --silent token -- --service

interface Activity {
  readonly kind: string
  readonly actor_id: string
  readonly post_id: string
  readonly text?: string | null
  readonly audience?: 'public' | 'followers'
}
interface State {
  cursor?: string
  /** By id. */
  readonly posts: Record<string, { readonly author: string; readonly text: string }>
  /** Accounts that are hidden at present, and why. Their posts come back with them, so they are kept. */
  readonly hidden: Record<string, { private?: boolean; suspended?: boolean }>
}

if (file === undefined) throw new Error('say which file: node search-index.ts FILE [WORD]')
const state: State = await readFile(file, 'utf8').then(JSON.parse, () => ({ posts: {}, hidden: {} }))
if (word === undefined) await follow(file)
else find(word)

async function follow(file: string): Promise<void> {
  for (;;) {
    const page = await nextPage()
    page.activities.forEach(apply)
    state.cursor = page.next_cursor
    // What was applied and how far it goes, in one step: whoever kills us now finds either the old file or the new one.
    await writeFile(`${file}.new`, JSON.stringify(state))
    await rename(`${file}.new`, file)
    if (page.up_to_date) await sleep(1_000)
  }
}

async function nextPage(): Promise<{ activities: Activity[]; next_cursor: string; up_to_date: boolean }> {
  const query = new URLSearchParams({ limit: '1000', ...(state.cursor === undefined ? {} : { cursor: state.cursor }) })
  const ask = fetch(`${TIDELINE_URL}/v1/activities?${query}`, { headers: { authorization: `Bearer ${TIDELINE_TOKEN}` } })
  const response = await ask.catch(() => undefined)
  if (response?.ok) return response.json()
  // 410: what follows our cursor is no longer kept. The file must be made anew, from a copy of the tables.
  if (response && response.status < 500) throw new Error(await response.text())
  await sleep(1_000) // nobody there, or too much to do
  return nextPage()
}

/** Says how it is to be, so that it may be applied twice. */
function apply({ kind, actor_id, post_id, text, audience }: Activity): void {
  if (kind === 'post' && typeof text === 'string' && audience === 'public') state.posts[post_id] = { author: actor_id, text }
  if (kind === 'delete') delete state.posts[post_id]
  if (kind === 'make-private' || kind === 'make-public')
    state.hidden[actor_id] = { ...state.hidden[actor_id], private: kind === 'make-private' }
  if (kind === 'suspend' || kind === 'restore') state.hidden[actor_id] = { ...state.hidden[actor_id], suspended: kind === 'suspend' }
  if (kind === 'delete-account') for (const [id, { author }] of Object.entries(state.posts)) if (author === actor_id) delete state.posts[id]
}

function find(word: string): void {
  for (const [id, { author, text }] of Object.entries(state.posts)) {
    const hidden = state.hidden[author]
    if (!hidden?.private && !hidden?.suspended && text.toLowerCase().split(/\W+/).includes(word.toLowerCase())) console.log(id, text)
  }
}
