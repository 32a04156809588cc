import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * The files that take longest, those that mostly wait between those that compute. vitest orders by size where it has not seen a file
 * before, as in every fresh clone.
 */
const LONGEST = [
  'test/real/takes-effect.test.ts',
  'test/real/histories.test.ts',
  'test/real/privacy.test.ts',
  'test/real/start.test.ts',
  'test/chaos/outages.test.ts',
  'test/real/feed-equals-sql.test.ts',
  'test/conformance/isolates.test.ts',
  'test/real/freshness.test.ts',
  'test/chaos/isolates.test.ts',
  'test/conformance/isolates-wrangler-dev.test.ts',
  'test/browser/page.test.ts',
  'test/chaos/crash.test.ts',
  'test/real/stampede.test.ts',
  'test/chaos/killed-fanout.test.ts',
  'test/real/analytics.test.ts',
  'test/chaos/recovery.test.ts',
]

/** Begins with the longest files, and ends with those that need nothing, so that no core waits for a last long one. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ moduleId, project }: TestSpecification): number => {
      const place = LONGEST.indexOf(relative(project.config.root, moduleId))
      if (place >= 0) return place
      return LONGEST.length + (project.name === 'fast' ? 1 : 0)
    }
    return (await super.sort(files)).sort((a, b) => rankOf(a) - rankOf(b))
  }
}
