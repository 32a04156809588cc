/**
 * postgres.js 3.4 throws where nobody can catch it when a connection closes in the middle of a write (its issues 1066, 1154, 1208). A query
 * that was under way rejects as it should; the goodbye of a connection that ends has nobody who waits for it.
 */
export const isLostConnection = (error: Error): boolean => /[/\\]postgres[/\\].*connection/.test(error.stack ?? '')
