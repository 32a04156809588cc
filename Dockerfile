# The origin of Tideline: docs/deploy.md. TypeScript runs as it is, so nothing is built: one stage installs, the other runs.
FROM node:24.21.0-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24.21.0-slim
# The delay lets a load balancer see /readyz answer 503 before connections are refused.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8788 SHUTDOWN_DELAY_MS=5000
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY . .
# Everything belongs to root: the process can change nothing of itself.
USER node
EXPOSE 8788
# Alive, not ready: whoever restarts what is unhealthy must not do so because Postgres is away.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Not through npm, which does not pass SIGTERM on.
CMD ["node", "origin/index.ts"]
