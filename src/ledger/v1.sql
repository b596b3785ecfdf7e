-- Times ending in _ms are milliseconds since 1970 in UTC; _us and _ns are durations; nanos are 1e-9 USD.
-- Unknown and unreported numbers are NULL, never zero.

CREATE TABLE runs (
  id TEXT NOT NULL PRIMARY KEY,
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  status TEXT NOT NULL,
  dataset_sha256 TEXT NOT NULL,
  seed INTEGER NOT NULL,
  version TEXT NOT NULL,
  manifest TEXT NOT NULL
) STRICT;

-- One row per request. Provider and model are the last attempt's, tokens and cost are all attempts' together.
-- cost_nanos is NULL when one attempt's cost is unknown; known_nanos is the part that is known.
CREATE TABLE requests (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  run TEXT,
  origin TEXT NOT NULL,
  class TEXT,
  began_ms INTEGER NOT NULL,
  provider TEXT,
  model TEXT,
  served_model TEXT,
  status TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  cost_nanos INTEGER,
  cost_source TEXT NOT NULL,
  known_nanos INTEGER NOT NULL,
  unknown_costs INTEGER NOT NULL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cached_input_tokens INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens INTEGER,
  head_us INTEGER,
  first_token_us INTEGER,
  total_us INTEGER NOT NULL,
  why TEXT NOT NULL
) STRICT;

-- For what a run has spent.
CREATE INDEX requests_run ON requests (run) WHERE run IS NOT NULL;

CREATE TABLE attempts (
  request INTEGER NOT NULL REFERENCES requests (seq),
  n INTEGER NOT NULL,
  began_ms INTEGER NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  served_model TEXT,
  failure TEXT,
  status INTEGER,
  code TEXT,
  message TEXT,
  retry_after_ms INTEGER,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cached_input_tokens INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens INTEGER,
  price_snapshot TEXT,
  cost_nanos INTEGER,
  cost_source TEXT NOT NULL,
  head_us INTEGER,
  first_token_us INTEGER,
  total_us INTEGER NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (request, n)
) STRICT, WITHOUT ROWID;

-- Clustered by its key, so that a run's numbers are read in order without its texts. seq leads to the texts
-- and scores, which are appended in the order they come.
CREATE TABLE samples (
  run TEXT NOT NULL,
  item INTEGER NOT NULL,
  candidate INTEGER NOT NULL,
  repeat INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  status TEXT NOT NULL,
  valid INTEGER NOT NULL,
  repaired INTEGER NOT NULL,
  failure_class TEXT,
  attempts INTEGER NOT NULL,
  latency_us INTEGER,
  first_token_us INTEGER,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cached_input_tokens INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens INTEGER,
  cost_nanos INTEGER,
  cost_source TEXT NOT NULL,
  judge_cost_nanos INTEGER,
  judge_cost_source TEXT NOT NULL,
  cluster TEXT,
  overhead_ns INTEGER NOT NULL,
  PRIMARY KEY (run, item, candidate, repeat)
) STRICT, WITHOUT ROWID;

-- request is the candidate's own request.
CREATE TABLE sample_text (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  request TEXT,
  prompt TEXT NOT NULL,
  expected TEXT,
  answer TEXT NOT NULL,
  tool_calls TEXT,
  finish TEXT,
  failure TEXT,
  invalid TEXT
) STRICT;

CREATE TABLE scores (
  sample INTEGER NOT NULL REFERENCES sample_text (seq),
  place INTEGER NOT NULL,
  scorer TEXT NOT NULL,
  passed INTEGER NOT NULL,
  value REAL,
  reason TEXT NOT NULL,
  PRIMARY KEY (sample, place)
) STRICT, WITHOUT ROWID;

-- Which models the provider says answered for a candidate.
CREATE TABLE served (
  run TEXT NOT NULL,
  candidate INTEGER NOT NULL,
  model TEXT NOT NULL,
  PRIMARY KEY (run, candidate, model)
) STRICT, WITHOUT ROWID;

-- Sums over a minute, an hour and a day by the time things ended. Requests count where their last attempt
-- went; provider and model are '' when nothing was sent, class is '' when there is none. failures is a JSON
-- object of attempts by failure class. latency and first_token are sketches of attempts that did not fail.
CREATE TABLE rollup_1m (
  bucket_ms INTEGER NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  origin TEXT NOT NULL,
  class TEXT NOT NULL,
  requests INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  retries INTEGER NOT NULL,
  failures TEXT NOT NULL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cached_input_tokens INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens INTEGER,
  known_nanos INTEGER NOT NULL,
  unknown_costs INTEGER NOT NULL,
  latency BLOB NOT NULL,
  first_token BLOB NOT NULL,
  PRIMARY KEY (bucket_ms, provider, model, origin, class)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollup_1h (
  bucket_ms INTEGER NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  origin TEXT NOT NULL,
  class TEXT NOT NULL,
  requests INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  retries INTEGER NOT NULL,
  failures TEXT NOT NULL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cached_input_tokens INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens INTEGER,
  known_nanos INTEGER NOT NULL,
  unknown_costs INTEGER NOT NULL,
  latency BLOB NOT NULL,
  first_token BLOB NOT NULL,
  PRIMARY KEY (bucket_ms, provider, model, origin, class)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollup_1d (
  bucket_ms INTEGER NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  origin TEXT NOT NULL,
  class TEXT NOT NULL,
  requests INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  retries INTEGER NOT NULL,
  failures TEXT NOT NULL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cached_input_tokens INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens INTEGER,
  known_nanos INTEGER NOT NULL,
  unknown_costs INTEGER NOT NULL,
  latency BLOB NOT NULL,
  first_token BLOB NOT NULL,
  PRIMARY KEY (bucket_ms, provider, model, origin, class)
) STRICT, WITHOUT ROWID;
