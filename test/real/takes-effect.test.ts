import { takesEffect } from '../support/freshness/suite.ts'

// Everything at once is much to read for one machine.
takesEffect({ replicaLagMs: 300, pauseMs: 1_000 })
