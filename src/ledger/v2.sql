-- What a request counts against a cap: known cost as it is, unknown cost at the most the call could cost, and
-- nothing where nobody is paid. NULL when even the most is unknown.
ALTER TABLE requests ADD COLUMN charged_nanos INTEGER;

-- Before, simulated and recorded answers were told by their provider's name, and bounds were not kept.
UPDATE requests SET charged_nanos = CASE WHEN provider IN ('sim', 'replay') THEN 0 ELSE cost_nanos END;

-- Money set aside for requests under way, committed before each call and gone with the transaction that records
-- its request. Of a process that died, what it held stays, and counts as spent. account says whose cap it is,
-- such as 'run:r7k2m9'; spent_nanos is what the request's earlier attempts are charged, held_nanos the most the
-- attempt under way can cost; owner is the process.
CREATE TABLE holds (
  request TEXT NOT NULL PRIMARY KEY,
  account TEXT NOT NULL,
  run TEXT,
  origin TEXT NOT NULL,
  class TEXT,
  attempt INTEGER NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  spent_nanos INTEGER NOT NULL,
  held_nanos INTEGER NOT NULL,
  began_ms INTEGER NOT NULL,
  owner INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX holds_account ON holds (account);

-- How long an attempt waited for a connection, from sending, in microseconds: name, TCP and TLS where it opened
-- one, 0 where one was idle. NULL where it got one that was opened for another request, where no head came,
-- where there are no connections, and in rows of earlier versions. head_us, first_token_us and total_us are
-- from sending too, and so include it.
ALTER TABLE attempts ADD COLUMN connect_us INTEGER;
