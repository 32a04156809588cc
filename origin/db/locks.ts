/** Advisory locks of Postgres that Tideline takes, in one place so that no two mean the same number. */
export const LOCKS = {
  /** Migrations of processes that start at the same moment. */
  migration: 7_235_001,
  /** Recovery of L2: two processes that find the same loss would otherwise wait for each other's rows. */
  recovery: 7_235_002,
  /** Steps of announce-then-route, and whoever changes follower counts in bulk. */
  tiers: 7_235_003,
  /** Imports: two would wait for each other's users. */
  import: 7_235_004,
  /** What is popular: computed by one process at a time. */
  popular: 7_235_005,
} as const
