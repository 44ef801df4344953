-- Which days of business a load changed. The rows are written in the same transaction as the rows that they tell of, so
-- what must be brought up to date after a load can be asked at any time, after a crash too.

-- name: create_table
-- One row per batch, table and day: the days of the rows that the batch brought, of those that it replaced or that an
-- older batch of its partition had brought, and the days that such an older batch noted.
CREATE TABLE IF NOT EXISTS sluice.load_dates (
    table_schema varchar(128) NOT NULL,
    table_name varchar(128) NOT NULL,
    batch_id varchar(256) NOT NULL,
    affected_date date NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (table_name, batch_id);
