/**
 * Whether postgres.js threw this where nobody can catch it. 3.4 does when a connection closes in the middle of a write (its issues 1066,
 * 1154, 1208). A query that was under way rejects as it should, and the goodbye of a connection that ends has nobody who waits for it.
 */
export const isStrayDriverError = (error: Error): boolean => /[/\\]postgres[/\\].*connection/.test(error.stack ?? '')
