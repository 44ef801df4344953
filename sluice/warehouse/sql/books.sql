-- What Sluice keeps about each target by itself. No load reads or writes the books of another table, so loads of different
-- tables have nothing in common that they could conflict about, whichever isolation level the database has; the audit
-- table, which all share, is only ever added to.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html

-- name: create_loads
-- The batches that the target has, each with what became of its rows. Every load locks this table first, so that loads of
-- one target follow each other; the target itself is not locked, because LOCK keeps readers out, too.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html
CREATE TABLE IF NOT EXISTS {{loads}} (
    table_schema varchar(128) NOT NULL,
    batch_id varchar(256) NOT NULL,
    partition_label varchar(16) NOT NULL,
    rows_staged bigint NOT NULL,
    rows_inserted bigint NOT NULL,
    rows_updated bigint NOT NULL,
    rows_stale bigint NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (batch_id);

-- name: adopt_loads
-- What the audit knows of the target from before it had books of its own.
INSERT INTO {{loads}}
    (table_schema, batch_id, partition_label, rows_staged, rows_inserted, rows_updated, rows_stale)
SELECT table_schema, batch_id, partition_label, rows_staged, rows_inserted, rows_updated, rows_stale
FROM sluice.load_audit
WHERE table_schema = {{schema}}
    AND table_name = {{table}}
    AND batch_id NOT IN (SELECT batch_id FROM {{loads}} WHERE table_schema = {{schema}});

-- name: create_dates
-- Which days of business a load changed: those of the rows that the batch brought, of those that it replaced or that an
-- older batch of its partition had brought, and the days that such an older batch noted. The rows are written in the same
-- transaction as the rows that they tell of, so what must be brought up to date after a load can be asked at any time,
-- after a crash too.
CREATE TABLE IF NOT EXISTS {{dates}} (
    table_schema varchar(128) NOT NULL,
    batch_id varchar(256) NOT NULL,
    affected_date date NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (batch_id);
