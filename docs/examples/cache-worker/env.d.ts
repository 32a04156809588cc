/** In a project of your own `npx wrangler types` writes this from wrangler.toml. */
declare module 'cloudflare:workers' {
  export const env: Readonly<Record<'ORIGIN_URL' | 'UPSTASH_REDIS_REST_URL' | 'UPSTASH_REDIS_REST_TOKEN', string>>
}
