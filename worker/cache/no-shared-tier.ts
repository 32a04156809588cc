import type { SharedTier } from './ports.ts'

/** The shared tier of a cache that has none: it knows nothing, grants every lease and takes every fill. */
export const NO_SHARED_TIER: SharedTier = {
  deadlineMs: 0,
  read: async (keys) => keys.map(() => undefined),
  lease: async (wanted) => wanted.map(() => ({ state: 'granted', stored: undefined })),
  release: async () => {},
  fill: async (values) => values.map(() => ({ stamp: 1, pushed: '' })),
  invalidate: async () => {},
}
