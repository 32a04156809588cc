import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { prepareData, type Reader } from '../../dev/data.ts'
import { commandsIn, scriptOf, treatmentOf } from '../support/docs/commands.ts'
import { documents, project } from '../support/docs/project.ts'
import { createShell } from '../support/docs/run.ts'
import { eventually } from '../support/eventually.ts'
import { type Stack, startStack } from '../support/stack.ts'

const fences = documents.flatMap((document) => document.fences.map((fence) => ({ ...fence, where: `${document.file}:${fence.line}` })))
/** Those for Analytics Engine are in another dialect, which analytics has tests for. */
const queries = fences.filter(({ language, text }) => language === 'sql' && !text.includes('_sample_interval'))
/** Roles and databases belong to a server, and are made outside of a transaction. */
const isForServer = ({ text }: { readonly text: string }): boolean => /^create role/i.test(text)
const CROWD_FLOOR = 100

let folder: string
let stack: Stack
let sql: postgres.Sql
let reader: Reader
let shell: ReturnType<typeof createShell>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tideline-docs-'))
  const graph = join(folder, 'graph.txt.gz')
  await writeFile(graph, gzipSync('# follower followee\n1\t2\n2\t3\n'))
  stack = await startStack()
  reader = await prepareData(new URL(stack.databaseUrl), CROWD_FLOOR, () => {})
  sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} })
  shell = createShell({
    workerUrl: stack.urls[0] ?? '',
    originUrl: stack.originUrl(),
    databaseUrl: stack.databaseUrl,
    jwtSecret: stack.secrets.JWT_SECRET,
    stateDir: folder,
    placeholders: { HANDLE: reader.handle, 'graph.txt.gz': graph },
  })
})
afterAll(async () => {
  await sql?.end()
  await stack?.stop()
  await rm(folder, { recursive: true, force: true })
})

describe('every command of the documents that a stack can run does what it says', () => {
  // A script that is not there is reported by test/unit/docs.test.ts.
  const exists = (script: string | undefined) => script === undefined || script in project.scripts
  const commands = documents.flatMap(commandsIn).filter(({ text }) => treatmentOf(text) === 'run' && exists(scriptOf(text)))
  const once = [...new Map(commands.map((command) => [command.text, command])).values()]

  test.each(once)('$text', async ({ text }) => {
    const done = await shell(text)
    if (typeof done === 'string') expect(done).not.toBe('')
    else expect(done.status).toBeLessThan(400)
  })
})

test('the read that the README shows comes from memory when it is repeated', async () => {
  const lines = documents.filter(({ file }) => file === 'README.md').flatMap(commandsIn)
  for (const { text } of lines.filter(({ text }) => text.startsWith('TOKEN='))) await shell(text)
  const read = lines.find(({ text }) => text.startsWith('curl '))?.text ?? ''
  await eventually(async () => {
    const answer = await shell(read)
    expect(typeof answer === 'string' ? answer : answer.headers.get('cache-status')).toContain('tideline-l1; hit')
  })
})

describe('every query of the documents runs on the tables as they are', () => {
  test.each(queries.filter((query) => !isForServer(query)))('$where', async ({ text }) => {
    const ranAndWasTakenBack = new Error('taken back')
    await expect(
      sql.begin(async (tx) => {
        await tx.unsafe(text)
        throw ranAndWasTakenBack
      }),
    ).rejects.toBe(ranAndWasTakenBack)
  })
})

test('what the documents tell an administrator of Postgres to do can be done, in their order', async () => {
  const statements = queries.filter(isForServer).flatMap(({ text }) => text.split(/;\s*/).filter(Boolean))
  try {
    for (const statement of statements) await sql.unsafe(statement)
  } finally {
    const undo = statements.flatMap((text) => {
      const [, kind, name] = /^create (role|database) (\w+)/i.exec(text) ?? []
      return kind && name ? [`drop ${kind} if exists ${name}`] : []
    })
    for (const statement of undo.reverse()) await sql.unsafe(statement)
  }
})

test('the row that the runbook owes after a restore of Postgres empties L2 and leaves the heartbeats', async () => {
  const keys = async (): Promise<string[]> => {
    const asked = { method: 'POST', headers: { authorization: `Bearer ${stack.l2Token}` }, body: JSON.stringify(['KEYS', '*']) }
    return ((await (await fetch(stack.l2Url, asked)).json()) as { result: string[] }).result
  }
  const timeline = `tideline:tl:${reader.id}`
  const { fetch: read } = await stack.client(reader.id)
  await eventually(async () => {
    await read('/v1/feed/following?limit=1')
    expect(await keys()).toContain(timeline)
  })
  const [emptying] = queries.filter(({ text }) => text.includes(`('*', 0)`))
  // Owed again where a fill behind the last answer came after it.
  await eventually(async () => {
    await sql.unsafe(emptying?.text ?? '')
    await eventually(async () => expect((await keys()).map((key) => key.split(':')[1])).toEqual(['hb']), 5_000)
  }, 60_000)
})
