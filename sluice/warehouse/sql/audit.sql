-- The warehouse's own account of what was loaded. A row is written in the same transaction as the rows that it counts, so
-- a batch that stands here is in its table, and a batch that does not is not.

-- name: create_schema
-- Schema of everything that Sluice keeps for itself: the audit table and the staging tables.
CREATE SCHEMA IF NOT EXISTS sluice;

-- name: create_table
-- One row per batch and table. rows_staged = rows_inserted + rows_updated + rows_stale.
CREATE TABLE IF NOT EXISTS sluice.load_audit (
    dataset varchar(128) NOT NULL,
    table_schema varchar(128) NOT NULL,
    table_name varchar(128) NOT NULL,
    batch_id varchar(256) NOT NULL,
    partition_label varchar(16) NOT NULL,
    load_mode varchar(16) NOT NULL,
    claim_id varchar(256) NOT NULL,
    rows_staged bigint NOT NULL,
    rows_inserted bigint NOT NULL,
    rows_updated bigint NOT NULL,
    rows_stale bigint NOT NULL,
    loaded_at timestamp NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (table_name, batch_id);
