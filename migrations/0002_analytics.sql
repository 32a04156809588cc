-- Why: analytics of requests, rolled up per 10 s, where Workers Analytics Engine is not at hand (docs/analytics.md). Locks: none that
-- matter, the table is new. Old code: runs on it, it does not know the table.
CREATE TABLE analytics (
  bucket_at timestamptz NOT NULL, -- start of the 10 s
  route text NOT NULL, -- its pattern
  status_class text NOT NULL, -- 2xx
  layer text NOT NULL, -- the furthest that was needed: memory, shared, origin, none
  -- Answers to keys by class and layer.
  tl_memory bigint NOT NULL, tl_shared bigint NOT NULL, tl_origin bigint NOT NULL,
  crowd_memory bigint NOT NULL, crowd_shared bigint NOT NULL, crowd_origin bigint NOT NULL,
  au_memory bigint NOT NULL, au_shared bigint NOT NULL, au_origin bigint NOT NULL,
  po_memory bigint NOT NULL, po_shared bigint NOT NULL, po_origin bigint NOT NULL,
  us_memory bigint NOT NULL, us_shared bigint NOT NULL, us_origin bigint NOT NULL,
  vw_memory bigint NOT NULL, vw_shared bigint NOT NULL, vw_origin bigint NOT NULL,
  -- Of the requests.
  requests bigint NOT NULL,
  degraded bigint NOT NULL,
  total_ms bigint NOT NULL,
  shared_ms bigint NOT NULL,
  origin_ms bigint NOT NULL,
  collapsed bigint NOT NULL,
  stale bigint NOT NULL,
  history bigint NOT NULL,
  -- Of the isolates that answered them, behind answers too.
  shared_reads bigint NOT NULL,
  loads bigint NOT NULL,
  load_failures bigint NOT NULL,
  early bigint NOT NULL,
  leases_granted bigint NOT NULL,
  leases_refused bigint NOT NULL,
  fills_refused bigint NOT NULL,
  dropped bigint NOT NULL, -- points that were lost
  latencies bigint[] NOT NULL, -- requests by total_ms, in the bins of origin/db/histogram.ts
  PRIMARY KEY (bucket_at, route, status_class, layer)
);
