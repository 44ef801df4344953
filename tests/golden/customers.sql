-- customers: target
CREATE TABLE IF NOT EXISTS "public"."customers" (
"customer_id" varchar(20) NOT NULL,
"first_name" varchar(64),
"last_name" varchar(64),
"email" varchar(128),
"phone" varchar(32),
"address" varchar(256),
"city" varchar(64),
"state" varchar(32),
"zip_code" varchar(16),
"country" char(2),
"registration_date" date,
"customer_segment" varchar(16),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE KEY DISTKEY ("customer_id") COMPOUND SORTKEY ("customer_id");

-- customers: books
CREATE TABLE IF NOT EXISTS "sluice"."loads_customers" (
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

-- customers: books
INSERT INTO "sluice"."loads_customers"
    (table_schema, batch_id, partition_label, rows_staged, rows_inserted, rows_updated, rows_stale)
SELECT table_schema, batch_id, partition_label, rows_staged, rows_inserted, rows_updated, rows_stale
FROM sluice.load_audit
WHERE table_schema = 'public'
    AND table_name = 'customers'
    AND batch_id NOT IN (SELECT batch_id FROM "sluice"."loads_customers" WHERE table_schema = 'public');

-- customers: books
CREATE TABLE IF NOT EXISTS "sluice"."dates_customers" (
    table_schema varchar(128) NOT NULL,
    batch_id varchar(256) NOT NULL,
    affected_date date NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (batch_id);

-- customers: new column
ALTER TABLE "public"."customers" ADD COLUMN "_source_file" varchar(1093);

-- customers: stage
DROP TABLE IF EXISTS "sluice"."stage_customers_0123456789ab";

-- customers: stage
CREATE TABLE "sluice"."stage_customers_0123456789ab" (
"customer_id" varchar(20),
"first_name" varchar(64),
"last_name" varchar(64),
"email" varchar(128),
"phone" varchar(32),
"address" varchar(256),
"city" varchar(64),
"state" varchar(32),
"zip_code" varchar(16),
"country" char(2),
"registration_date" date,
"customer_segment" varchar(16),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE KEY DISTKEY ("customer_id");

-- customers: stage
COPY "sluice"."stage_customers_0123456789ab"
FROM 's3://sluice-processed/_sluice/loads/claim/customers.manifest.json'
IAM_ROLE default
FORMAT AS PARQUET MANIFEST;

-- customers: count
SELECT "_batch_id", COUNT(*) FROM "sluice"."stage_customers_0123456789ab" GROUP BY "_batch_id" ORDER BY "_batch_id";

-- customers: merge 1
LOCK "sluice"."loads_customers";

-- customers: merge 2
CREATE TEMP TABLE "_load_batches" ("batch_id" varchar(256) NOT NULL, "partition_label" varchar(16) NOT NULL, "partition_digits" varchar(16) NOT NULL, "is_current" boolean NOT NULL) DISTSTYLE ALL;

-- customers: merge 3
INSERT INTO "_load_batches" ("batch_id", "partition_label", "partition_digits", "is_current") VALUES ('customers.2026112013.00000000000000000000000000000001', '2026-11-20T13', '2026112013', TRUE), ('customers.2026112013.00000000000000000000000000000002', '2026-11-20T13', '2026112013', TRUE);

-- customers: merge 4
DELETE FROM "_load_batches"
WHERE "batch_id" IN (SELECT "batch_id" FROM "sluice"."loads_customers" WHERE "table_schema" = 'public');

-- customers: merge 5
CREATE TEMP TABLE "_load_fresh" (
"customer_id" varchar(20),
"first_name" varchar(64),
"last_name" varchar(64),
"email" varchar(128),
"phone" varchar(32),
"address" varchar(256),
"city" varchar(64),
"state" varchar(32),
"zip_code" varchar(16),
"country" char(2),
"registration_date" date,
"customer_segment" varchar(16),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE KEY DISTKEY ("customer_id");

-- customers: merge 6
INSERT INTO "_load_fresh" ("customer_id", "first_name", "last_name", "email", "phone", "address", "city", "state", "zip_code", "country", "registration_date", "customer_segment", "updated_at", "_batch_id", "_source_file")
SELECT "customer_id", "first_name", "last_name", "email", "phone", "address", "city", "state", "zip_code", "country", "registration_date", "customer_segment", "updated_at", "_batch_id", "_source_file"
FROM (
SELECT RTRIM("_staged"."customer_id") AS "customer_id", "_staged"."first_name", "_staged"."last_name", "_staged"."email", "_staged"."phone", "_staged"."address", "_staged"."city", "_staged"."state", "_staged"."zip_code", "_staged"."country", "_staged"."registration_date", "_staged"."customer_segment", "_staged"."updated_at", "_staged"."_batch_id", "_staged"."_source_file",
ROW_NUMBER() OVER (PARTITION BY RTRIM("_staged"."customer_id") ORDER BY "_staged"."updated_at" DESC NULLS LAST, "_staged"."_batch_id" DESC NULLS LAST, "_staged"."_source_file" DESC NULLS LAST, "_staged"."first_name" DESC NULLS LAST, "_staged"."last_name" DESC NULLS LAST, "_staged"."email" DESC NULLS LAST, "_staged"."phone" DESC NULLS LAST, "_staged"."address" DESC NULLS LAST, "_staged"."city" DESC NULLS LAST, "_staged"."state" DESC NULLS LAST, "_staged"."zip_code" DESC NULLS LAST, "_staged"."country" DESC NULLS LAST, "_staged"."registration_date" DESC NULLS LAST, "_staged"."customer_segment" DESC NULLS LAST) AS "_rank"
FROM "sluice"."stage_customers_0123456789ab" AS "_staged" INNER JOIN "_load_batches" ON "_staged"."_batch_id" = "_load_batches"."batch_id"
) AS "_ranked"
WHERE "_rank" = 1;

-- customers: merge 7
DELETE FROM "_load_fresh"
USING "public"."customers"
WHERE "customers"."customer_id" = "_load_fresh"."customer_id"
AND (("customers"."updated_at" > "_load_fresh"."updated_at") OR ("customers"."updated_at" = "_load_fresh"."updated_at" AND "customers"."_batch_id" >= "_load_fresh"."_batch_id"));

-- customers: merge 8
INSERT INTO "sluice"."loads_customers" ("table_schema", "batch_id", "partition_label", "rows_staged", "rows_inserted", "rows_updated", "rows_stale")
SELECT CAST('public' AS varchar(128)), "_load_batches"."batch_id", "_load_batches"."partition_label", COALESCE("_all"."rows", 0), COALESCE("_kept"."rows", 0) - COALESCE("_updated"."rows", 0), COALESCE("_updated"."rows", 0), COALESCE("_all"."rows", 0) - COALESCE("_kept"."rows", 0)
FROM "_load_batches"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "sluice"."stage_customers_0123456789ab" GROUP BY "_batch_id") AS "_all" ON "_all"."_batch_id" = "_load_batches"."batch_id"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "_load_fresh" GROUP BY "_batch_id") AS "_kept" ON "_kept"."_batch_id" = "_load_batches"."batch_id"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "_load_fresh"
WHERE EXISTS (SELECT 1 FROM "public"."customers" WHERE "customers"."customer_id" = "_load_fresh"."customer_id")
GROUP BY "_batch_id") AS "_updated" ON "_updated"."_batch_id" = "_load_batches"."batch_id";

-- customers: merge 9
INSERT INTO "sluice"."load_audit" ("dataset", "table_schema", "table_name", "batch_id", "partition_label", "load_mode", "claim_id", "rows_staged", "rows_inserted", "rows_updated", "rows_stale", "loaded_at")
SELECT CAST('customers' AS varchar(128)), "_booked"."table_schema", CAST('customers' AS varchar(128)), "_booked"."batch_id", "_booked"."partition_label", CAST('upsert' AS varchar(16)), CAST('claim' AS varchar(256)), "_booked"."rows_staged", "_booked"."rows_inserted", "_booked"."rows_updated", "_booked"."rows_stale", GETDATE()
FROM "sluice"."loads_customers" AS "_booked" INNER JOIN "_load_batches" ON "_booked"."batch_id" = "_load_batches"."batch_id"
WHERE "table_schema" = 'public';

-- customers: merge 10
MERGE INTO "public"."customers"
USING "_load_fresh"
ON "customers"."customer_id" = "_load_fresh"."customer_id"
WHEN MATCHED THEN UPDATE SET "first_name" = "_load_fresh"."first_name", "last_name" = "_load_fresh"."last_name", "email" = "_load_fresh"."email", "phone" = "_load_fresh"."phone", "address" = "_load_fresh"."address", "city" = "_load_fresh"."city", "state" = "_load_fresh"."state", "zip_code" = "_load_fresh"."zip_code", "country" = "_load_fresh"."country", "registration_date" = "_load_fresh"."registration_date", "customer_segment" = "_load_fresh"."customer_segment", "updated_at" = "_load_fresh"."updated_at", "_batch_id" = "_load_fresh"."_batch_id", "_source_file" = "_load_fresh"."_source_file"
WHEN NOT MATCHED THEN INSERT ("customer_id", "first_name", "last_name", "email", "phone", "address", "city", "state", "zip_code", "country", "registration_date", "customer_segment", "updated_at", "_batch_id", "_source_file") VALUES ("_load_fresh"."customer_id", "_load_fresh"."first_name", "_load_fresh"."last_name", "_load_fresh"."email", "_load_fresh"."phone", "_load_fresh"."address", "_load_fresh"."city", "_load_fresh"."state", "_load_fresh"."zip_code", "_load_fresh"."country", "_load_fresh"."registration_date", "_load_fresh"."customer_segment", "_load_fresh"."updated_at", "_load_fresh"."_batch_id", "_load_fresh"."_source_file");

-- customers: audit
SELECT "batch_id", "rows_staged", "rows_inserted", "rows_updated", "rows_stale"
FROM "sluice"."loads_customers"
WHERE "table_schema" = 'public' AND "batch_id" IN ('customers.2026112013.00000000000000000000000000000001', 'customers.2026112013.00000000000000000000000000000002');

-- customers: drop
DROP TABLE IF EXISTS "sluice"."stage_customers_0123456789ab";
