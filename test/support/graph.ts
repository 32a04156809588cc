import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { mulberry32 } from './random.ts'

/** SNAP's soc-Slashdot0902.txt.gz, of which TIDELINE_GRAPH may tell the place. */
const SLASHDOT = process.env.TIDELINE_GRAPH ?? fileURLToPath(new URL('../../../shared/data/soc-Slashdot0902.txt.gz', import.meta.url))

/** The file of a follow graph: Slashdot's where it is at hand, otherwise one of the same shape, made in `folder` from a seed. Says which. */
export async function graphFile(folder: string, seed: number): Promise<{ readonly name: string; readonly path: string }> {
  if (existsSync(SLASHDOT)) return { name: 'Slashdot, February 2009', path: SLASHDOT }
  const path = join(folder, 'stand-in.txt')
  await writeFile(path, standIn(seed))
  return { name: "generated in the shape of Slashdot's", path }
}

/** 82,168 users, nearly all with a self-loop, about eleven follows each, towards few who are followed by many. CRLF, as SNAP has it. */
function standIn(seed: number): string {
  const chance = mulberry32(seed)
  const users = 82_168
  const lines = ['# generated', '# FromNodeId\tToNodeId']
  for (let user = 0; user < users; user += 1) {
    if (chance() < 0.95) lines.push(`${user}\t${user}`)
    for (let follows = Math.floor(chance() ** 3 * 42); follows >= 0; follows -= 1)
      lines.push(`${user}\t${Math.floor(chance() ** 2.5 * users)}`)
  }
  return `${lines.join('\r\n')}\r\n`
}

/** What is in such a file, counted without our parser. */
export async function countedByHand(path: string) {
  const bytes = await readFile(path)
  const content = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
  const users = new Set<string>()
  const follows = new Set<string>()
  const followers = new Map<string, number>()
  for (const [, follower = '', followee = ''] of content.matchAll(/^(\w+)\s+(\w+)\s*$/gm)) {
    users.add(follower).add(followee)
    const follow = `${follower} ${followee}`
    if (follower === followee || follows.has(follow)) continue
    follows.add(follow)
    followers.set(followee, (followers.get(followee) ?? 0) + 1)
  }
  return { users: users.size, follows: follows.size, mostFollowed: Math.max(...followers.values()) }
}
