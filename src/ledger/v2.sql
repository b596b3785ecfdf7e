-- How long an attempt waited for a connection, from sending, in microseconds: name, TCP and TLS where it opened
-- one, 0 where one was idle. NULL where it got one that was opened for another request, where no head came,
-- where there are no connections, and in rows of earlier versions. head_us, first_token_us and total_us are
-- from sending too, and so include it.
ALTER TABLE attempts ADD COLUMN connect_us INTEGER;
