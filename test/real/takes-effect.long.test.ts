import { describe } from 'vitest'
import { takesEffect } from '../support/freshness/suite.ts'

describe('with a replica a second behind', () => takesEffect({ replicaLagMs: 1_000, pauseMs: 400, fewAtOnce: true }))
describe('of crowded authors', () => takesEffect({ replicaLagMs: 300, pauseMs: 400, fewAtOnce: true, crowded: true }))
describe('of crowded authors, with a replica a second behind', () =>
  takesEffect({ replicaLagMs: 1_000, pauseMs: 400, fewAtOnce: true, crowded: true }))
