-- audit: create_schema
CREATE SCHEMA IF NOT EXISTS sluice;
-- audit: create_table
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
-- table public.customers
-- books of public.customers
-- books of public.customers
-- books of public.customers
-- table public.orders
-- books of public.orders
-- books of public.orders
-- books of public.orders
-- table public.order_items
-- books of public.order_items
-- books of public.order_items
-- books of public.order_items
-- table public.products
-- books of public.products
-- books of public.products
-- books of public.products
-- table public.transactions
-- books of public.transactions
-- books of public.transactions
-- books of public.transactions
-- schema spectrum
CREATE EXTERNAL SCHEMA IF NOT EXISTS "spectrum" FROM DATA CATALOG DATABASE 'sluice_processed' IAM_ROLE default;
-- schema aggregates
CREATE SCHEMA IF NOT EXISTS "aggregates";
-- aggregate daily_orders
-- aggregate daily_orders
-- aggregate daily_orders
-- aggregate daily_sales_by_category
-- aggregate daily_sales_by_category
-- aggregate daily_sales_by_category
-- aggregate daily_sales_by_segment
-- aggregate daily_sales_by_segment
-- aggregate daily_sales_by_segment
-- aggregate top_products
-- aggregate top_products
-- aggregate top_products
-- grant to IAMR:analysts
GRANT USAGE ON SCHEMA "public" TO "IAMR:analysts";
-- grant to IAMR:analysts
GRANT USAGE ON SCHEMA "spectrum" TO "IAMR:analysts";
-- grant to IAMR:analysts
GRANT USAGE ON SCHEMA "aggregates" TO "IAMR:analysts";
-- grant to IAMR:analysts
GRANT SELECT ON ALL TABLES IN SCHEMA "public" TO "IAMR:analysts";
-- grant to IAMR:analysts
GRANT SELECT ON ALL TABLES IN SCHEMA "aggregates" TO "IAMR:analysts";
-- grant to IAMR:sluice-load
GRANT USAGE ON SCHEMA "aggregates" TO "IAMR:sluice-load";
-- grant to IAMR:sluice-load
GRANT EXECUTE ON PROCEDURE "aggregates"."refresh_daily_orders"(varchar) TO "IAMR:sluice-load";
-- grant to IAMR:sluice-load
GRANT EXECUTE ON PROCEDURE "aggregates"."refresh_daily_sales_by_category"(varchar) TO "IAMR:sluice-load";
-- grant to IAMR:sluice-load
GRANT EXECUTE ON PROCEDURE "aggregates"."refresh_daily_sales_by_segment"(varchar) TO "IAMR:sluice-load";
-- grant to IAMR:sluice-load
GRANT EXECUTE ON PROCEDURE "aggregates"."refresh_top_products"(varchar) TO "IAMR:sluice-load";
