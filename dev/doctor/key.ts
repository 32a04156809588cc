import { parseKey } from '../../contract/l2/keys.ts'
import { PROMISED_MS } from '../../contract/promise.ts'
import { lookAtEdge } from '../../origin/adapters/edge.ts'
import type { Database } from '../../origin/db/client.ts'
import { databaseNowMs } from '../../origin/db/doctor.ts'
import { lookAtL2 } from '../../origin/monitor/answers.ts'
import { type Judged, judge } from '../../origin/monitor/judge.ts'
import type { LookedAt } from '../../origin/monitor/ports.ts'
import { truthsOf } from '../../origin/monitor/truths.ts'
import { UsageError } from '../command-line.ts'
import { reasonOf } from '../preflight/check.ts'
import type { Sights } from './examine.ts'

/** One key as the caches and Postgres have it. */
export interface KeyFinding {
  readonly place: string
  readonly verdict: Judged['verdict'] | 'nothing there' | 'not looked at'
  readonly says: string
}

/** Compares one key in each place with Postgres, as the monitor does: the place first, then the truth. */
export async function examineKey(db: Database, { l2, edge }: Sights, key: string): Promise<KeyFinding[]> {
  if (!parseKey(key)) throw new UsageError(`"${key}" is no key: po:ID:public, us:ID and the like (docs/architecture.md, Keys of L2)`)
  const truths = truthsOf(db)
  const places: (LookedAt | { readonly place: string; readonly unseen: string })[] = [
    typeof l2 === 'function' ? lookAtL2(l2) : { place: 'L2', ...l2 },
    typeof edge === 'function' ? lookAtEdge(edge) : { place: 'edge', ...edge },
  ]
  const findings: KeyFinding[] = []
  for (const place of places) {
    if ('unseen' in place) {
      findings.push({ place: place.place, verdict: 'not looked at', says: place.unseen })
      continue
    }
    const lookedAtMs = await databaseNowMs(db)
    try {
      const [answer] = await place.look([key])
      const truth = answer && (await truths([answer])).get(key)
      if (!answer) findings.push({ place: place.place, verdict: 'nothing there', says: 'the next read loads it' })
      else if (!truth)
        findings.push({ place: place.place, verdict: 'nothing there', says: 'a kind of key, or a reader, that is not compared' })
      else {
        const { verdict, why } = judge(answer, truth, lookedAtMs, PROMISED_MS)
        const versions = `version ${answer.truth}, Postgres has ${truth.truth}`
        findings.push({ place: place.place, verdict, says: why === '' ? versions : `${why}; ${versions}` })
      }
    } catch (error) {
      findings.push({ place: place.place, verdict: 'not looked at', says: reasonOf(error) })
    }
  }
  return findings
}

export const isWrong = (findings: readonly KeyFinding[]): boolean =>
  findings.some(({ verdict }) => verdict === 'wrong' || verdict === 'beyond')

/** The findings as text for people. */
export const keyText = (key: string, findings: readonly KeyFinding[]): string =>
  `${key}\n${findings.map(({ place, verdict, says }) => `  ${place.padEnd(5)} ${WORDS[verdict]}: ${says}\n`).join('')}`

const WORDS: Readonly<Record<KeyFinding['verdict'], string>> = {
  right: 'right',
  late: 'late within the promise',
  beyond: 'late beyond the promise',
  wrong: 'wrong',
  'nothing there': 'nothing there',
  'not looked at': 'not looked at',
}
