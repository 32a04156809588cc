import { posix } from 'node:path'
import type { Markdown } from './markdown.ts'
import type { Project } from './project.ts'

/** Hosts that documents may point to. Nobody can follow a link without a network: a new host, or a typo in one, is noticed here. */
const HOSTS = new Set([
  'snap.stanford.edu',
  'developers.cloudflare.com',
  'upstash.com',
  'console.upstash.com',
  'www.rfc-editor.org',
  'www.postgresql.org',
  'nodejs.org',
  'docs.docker.com',
  'keepachangelog.com',
])

/** The links of a document that lead nowhere, each as a readable line. */
export function brokenLinksIn(document: Markdown, project: Project): string[] {
  return document.links.flatMap(({ target, line }) => {
    const wrong = wrongWith(target, document, project)
    return wrong === undefined ? [] : [`${document.file}:${line} ${target}: ${wrong}`]
  })
}

function wrongWith(target: string, document: Markdown, project: Project): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:|^\/\//i.test(target)) return wrongOutside(target)
  const [path = '', anchor] = decodeURI(target).split('#')
  const file = path === '' ? document.file : posix.join(posix.dirname(document.file), path).replace(/\/$/, '')
  if (file.startsWith('..') || path.startsWith('/')) return 'leaves the project'
  if (!project.exists(file)) return 'there is no such file'
  const anchors = file === document.file ? document.anchors : project.anchors(file)
  if (anchor !== undefined && !anchors?.has(anchor)) return 'there is no such heading'
  return undefined
}

function wrongOutside(target: string): string | undefined {
  const url = URL.parse(target)
  // The stack of `npm start`, which documents show and nobody has to reach.
  if (url?.protocol === 'http:' && url.hostname === '127.0.0.1') return undefined
  if (url?.protocol !== 'https:') return 'is no https address'
  return HOSTS.has(url.hostname) ? undefined : `the host ${url.hostname} is not in the list of test/support/docs/links.ts`
}
