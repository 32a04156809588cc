import { Hono } from 'hono'
import { Problem } from '../../contract/problem.ts'
import type { Route } from '../../contract/route.ts'
import type { Database } from '../db/client.ts'
import { findRouted, followersSeen } from '../db/explain.ts'
import { chunksOf, costsOf, crowdLeave, hotLeave, modeOf, nextOf, type RoutingRules, whyOf } from '../fanout/route.ts'
import type { OriginEnv } from '../http/identity.ts'

/** What would become of a post of this author now, why, and what it would cost: `GET /internal/route/{author}`, by id or handle. */
export function routeRoutes(db: Database, rulesNow: () => Promise<RoutingRules>): Hono<OriginEnv> {
  const routes = new Hono<OriginEnv>()
  routes.get('/internal/route/:author', async (c) => {
    const asked = c.req.param('author')
    const author = await findRouted(db, asked)
    if (!author) throw new Problem('not-found', `There is no user ${asked}.`)
    const rules = await rulesNow()
    const { seen, ...counted } = await followersSeen(db, author.id)
    // A sample that is all of them is no sample; followers come and go between the two questions.
    const exact = seen >= author.followers
    const scale = exact || seen === 0 ? 1 : author.followers / seen
    const followers = { active: Math.round(counted.active * scale), present: Math.round(counted.present * scale) }
    const mode = modeOf(author)
    const isGone = author.account === 'suspended' || author.account === 'deleted'
    const { route, candidateSinceMs, announcedAtMs, demotedAtMs, hot, hotChangedAtMs, nowMs } = author
    const answer: Route = {
      nowMs,
      author: { id: author.id, handle: author.handle, account: author.account },
      mode,
      why: isGone ? `a ${author.account} account posts nothing; else: ${whyOf(author, rules)}` : whyOf(author, rules),
      followers: { count: author.followers, ...followers, exact },
      thresholds: {
        crowd: rules.crowdThreshold,
        crowdWhy: rules.crowdWhy,
        crowdLeave: crowdLeave(rules),
        crowdFloor: rules.candidateFloor,
        hot: rules.hotThreshold,
        hotLeave: hotLeave(rules),
        bigLane: rules.bigLaneFollowers,
      },
      tier: { route, candidateSinceMs, announcedAtMs, demotedAtMs, hot, hotChangedAtMs },
      fanout: {
        lane: mode !== 'pull' && author.followers > rules.bigLaneFollowers ? 'big' : 'small',
        chunks: chunksOf(mode, followers.active, rules),
        waiting: author.waiting,
        dead: author.dead,
        turnDelayMs: author.turnDelayMs,
      },
      costs: costsOf(followers, rules),
      next: nextOf(author, rules),
    }
    return c.json(answer, 200, { 'cache-control': 'no-store' })
  })
  return routes
}
