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
-- user IAMR:sluice-load-redshift
CREATE USER "IAMR:sluice-load-redshift" PASSWORD DISABLE;
-- user IAMR:sluice-load
CREATE USER "IAMR:sluice-load" PASSWORD DISABLE;
-- user IAMR:sluice-sync-schema
CREATE USER "IAMR:sluice-sync-schema" PASSWORD DISABLE;
-- user sluice-aggregates
CREATE USER "sluice-aggregates" PASSWORD DISABLE;
-- grant to IAMR:sluice-load-redshift
GRANT USAGE ON SCHEMA "public" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT CREATE, USAGE ON SCHEMA "sluice" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT INSERT ON TABLE "sluice"."load_audit" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT SELECT, INSERT, UPDATE, DELETE, ALTER ON TABLE "public"."customers" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT SELECT, INSERT, UPDATE ON TABLE "sluice"."loads_customers" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT SELECT, INSERT ON TABLE "sluice"."dates_customers" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT SELECT, INSERT, UPDATE, DELETE, ALTER ON TABLE "public"."orders", "public"."order_items" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT SELECT, INSERT, UPDATE ON TABLE "sluice"."loads_orders", "sluice"."loads_order_items" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT SELECT, INSERT ON TABLE "sluice"."dates_orders", "sluice"."dates_order_items" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT SELECT, INSERT, UPDATE, DELETE, ALTER ON TABLE "public"."products" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT SELECT, INSERT, UPDATE ON TABLE "sluice"."loads_products" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT SELECT, INSERT ON TABLE "sluice"."dates_products" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT SELECT, INSERT, UPDATE, DELETE, ALTER ON TABLE "public"."transactions" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT SELECT, INSERT, UPDATE ON TABLE "sluice"."loads_transactions" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load-redshift
GRANT SELECT, INSERT ON TABLE "sluice"."dates_transactions" TO "IAMR:sluice-load-redshift";
-- grant to IAMR:sluice-load
GRANT USAGE ON SCHEMA "aggregates" TO "IAMR:sluice-load";
-- grant to sluice-aggregates
GRANT USAGE ON SCHEMA "public" TO "sluice-aggregates";
-- grant to sluice-aggregates
GRANT USAGE ON SCHEMA "sluice" TO "sluice-aggregates";
-- grant to sluice-aggregates
GRANT USAGE ON SCHEMA "spectrum" TO "sluice-aggregates";
-- grant to sluice-aggregates
GRANT CREATE, USAGE ON SCHEMA "aggregates" TO "sluice-aggregates";
-- grant to IAMR:sluice-load
GRANT EXECUTE ON PROCEDURE "aggregates"."refresh_daily_orders"(varchar) TO "IAMR:sluice-load";
-- grant to sluice-aggregates
GRANT SELECT ON TABLE "public"."orders" TO "sluice-aggregates";
-- grant to sluice-aggregates
GRANT SELECT, INSERT, DELETE ON TABLE "aggregates"."daily_orders" TO "sluice-aggregates";
-- grant to sluice-aggregates
GRANT UPDATE ON TABLE "sluice"."guard_daily_orders" TO "sluice-aggregates";
-- grant to IAMR:sluice-load
GRANT EXECUTE ON PROCEDURE "aggregates"."refresh_daily_sales_by_category"(varchar) TO "IAMR:sluice-load";
-- grant to sluice-aggregates
GRANT SELECT ON TABLE "public"."order_items", "public"."products", "public"."orders" TO "sluice-aggregates";
-- grant to sluice-aggregates
GRANT SELECT, INSERT, DELETE ON TABLE "aggregates"."daily_sales_by_category" TO "sluice-aggregates";
-- grant to sluice-aggregates
GRANT UPDATE ON TABLE "sluice"."guard_daily_sales_by_category" TO "sluice-aggregates";
-- grant to IAMR:sluice-load
GRANT EXECUTE ON PROCEDURE "aggregates"."refresh_daily_sales_by_segment"(varchar) TO "IAMR:sluice-load";
-- grant to sluice-aggregates
GRANT SELECT ON TABLE "public"."orders", "public"."customers" TO "sluice-aggregates";
-- grant to sluice-aggregates
GRANT SELECT, INSERT, DELETE ON TABLE "aggregates"."daily_sales_by_segment" TO "sluice-aggregates";
-- grant to sluice-aggregates
GRANT UPDATE ON TABLE "sluice"."guard_daily_sales_by_segment" TO "sluice-aggregates";
-- grant to IAMR:sluice-load
GRANT EXECUTE ON PROCEDURE "aggregates"."refresh_top_products"(varchar) TO "IAMR:sluice-load";
-- grant to sluice-aggregates
GRANT SELECT ON TABLE "public"."order_items", "public"."products", "public"."orders" TO "sluice-aggregates";
-- grant to sluice-aggregates
GRANT SELECT, INSERT, DELETE ON TABLE "aggregates"."top_products" TO "sluice-aggregates";
-- grant to sluice-aggregates
GRANT UPDATE ON TABLE "sluice"."guard_top_products" TO "sluice-aggregates";
-- grant to IAMR:sluice-sync-schema
GRANT USAGE ON SCHEMA "public" TO "IAMR:sluice-sync-schema";
-- grant to IAMR:sluice-sync-schema
GRANT USAGE ON SCHEMA "sluice" TO "IAMR:sluice-sync-schema";
-- grant to IAMR:sluice-sync-schema
GRANT USAGE ON SCHEMA "spectrum" TO "IAMR:sluice-sync-schema";
-- grant to IAMR:sluice-sync-schema
GRANT SELECT, UPDATE, ALTER ON TABLE "public"."customers" TO "IAMR:sluice-sync-schema";
-- grant to IAMR:sluice-sync-schema
GRANT UPDATE ON TABLE "sluice"."loads_customers" TO "IAMR:sluice-sync-schema";
-- grant to IAMR:sluice-sync-schema
GRANT SELECT, UPDATE, ALTER ON TABLE "public"."orders", "public"."order_items" TO "IAMR:sluice-sync-schema";
-- grant to IAMR:sluice-sync-schema
GRANT UPDATE ON TABLE "sluice"."loads_orders", "sluice"."loads_order_items" TO "IAMR:sluice-sync-schema";
-- grant to IAMR:sluice-sync-schema
GRANT SELECT, UPDATE, ALTER ON TABLE "public"."products" TO "IAMR:sluice-sync-schema";
-- grant to IAMR:sluice-sync-schema
GRANT UPDATE ON TABLE "sluice"."loads_products" TO "IAMR:sluice-sync-schema";
-- grant to IAMR:sluice-sync-schema
GRANT SELECT, UPDATE, ALTER ON TABLE "public"."transactions" TO "IAMR:sluice-sync-schema";
-- grant to IAMR:sluice-sync-schema
GRANT UPDATE ON TABLE "sluice"."loads_transactions" TO "IAMR:sluice-sync-schema";
-- owner of daily_orders
ALTER PROCEDURE "aggregates"."refresh_daily_orders"(varchar) OWNER TO "sluice-aggregates";
-- owner of daily_sales_by_category
ALTER PROCEDURE "aggregates"."refresh_daily_sales_by_category"(varchar) OWNER TO "sluice-aggregates";
-- owner of daily_sales_by_segment
ALTER PROCEDURE "aggregates"."refresh_daily_sales_by_segment"(varchar) OWNER TO "sluice-aggregates";
-- owner of top_products
ALTER PROCEDURE "aggregates"."refresh_top_products"(varchar) OWNER TO "sluice-aggregates";
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
