-- transactions: target
CREATE TABLE IF NOT EXISTS "public"."transactions" (
"transaction_id" bigint NOT NULL,
"order_id" varchar(20),
"product_id" varchar(20),
"quantity" integer,
"unit_price" decimal(12,2),
"discount_percent" decimal(5,2),
"transaction_date" timestamp,
"payment_method" varchar(16),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE KEY DISTKEY ("order_id") COMPOUND SORTKEY ("transaction_date");

-- transactions: books
CREATE TABLE IF NOT EXISTS "sluice"."loads_transactions" (
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

-- transactions: books
INSERT INTO "sluice"."loads_transactions"
    (table_schema, batch_id, partition_label, rows_staged, rows_inserted, rows_updated, rows_stale)
SELECT table_schema, batch_id, partition_label, rows_staged, rows_inserted, rows_updated, rows_stale
FROM sluice.load_audit
WHERE table_schema = 'public'
    AND table_name = 'transactions'
    AND batch_id NOT IN (SELECT batch_id FROM "sluice"."loads_transactions" WHERE table_schema = 'public');

-- transactions: books
CREATE TABLE IF NOT EXISTS "sluice"."dates_transactions" (
    table_schema varchar(128) NOT NULL,
    batch_id varchar(256) NOT NULL,
    affected_date date NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (batch_id);

-- transactions: new column
ALTER TABLE "public"."transactions" ADD COLUMN "_source_file" varchar(1093);

-- transactions: stage
DROP TABLE IF EXISTS "sluice"."stage_transactions_0123456789ab";

-- transactions: stage
CREATE TABLE "sluice"."stage_transactions_0123456789ab" (
"transaction_id" bigint,
"order_id" varchar(20),
"product_id" varchar(20),
"quantity" integer,
"unit_price" decimal(12,2),
"discount_percent" decimal(5,2),
"transaction_date" timestamp,
"payment_method" varchar(16),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE KEY DISTKEY ("order_id");

-- transactions: stage
COPY "sluice"."stage_transactions_0123456789ab"
FROM 's3://sluice-processed/_sluice/loads/claim/transactions.manifest.json'
IAM_ROLE default
FORMAT AS PARQUET MANIFEST;

-- transactions: count
SELECT "_batch_id", COUNT(*) FROM "sluice"."stage_transactions_0123456789ab" GROUP BY "_batch_id" ORDER BY "_batch_id";

-- transactions: merge 1
LOCK "sluice"."loads_transactions";

-- transactions: merge 2
CREATE TEMP TABLE "_load_batches" ("batch_id" varchar(256) NOT NULL, "partition_label" varchar(16) NOT NULL, "partition_digits" varchar(16) NOT NULL, "is_current" boolean NOT NULL) DISTSTYLE ALL;

-- transactions: merge 3
INSERT INTO "_load_batches" ("batch_id", "partition_label", "partition_digits", "is_current") VALUES ('transactions.2026112013.00000000000000000000000000000001', '2026-11-20T13', '2026112013', TRUE), ('transactions.2026112013.00000000000000000000000000000002', '2026-11-20T13', '2026112013', TRUE);

-- transactions: merge 4
DELETE FROM "_load_batches"
WHERE "batch_id" IN (SELECT "batch_id" FROM "sluice"."loads_transactions" WHERE "table_schema" = 'public');

-- transactions: merge 5
CREATE TEMP TABLE "_load_fresh" (
"transaction_id" bigint,
"order_id" varchar(20),
"product_id" varchar(20),
"quantity" integer,
"unit_price" decimal(12,2),
"discount_percent" decimal(5,2),
"transaction_date" timestamp,
"payment_method" varchar(16),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE KEY DISTKEY ("order_id");

-- transactions: merge 6
INSERT INTO "_load_fresh" ("transaction_id", "order_id", "product_id", "quantity", "unit_price", "discount_percent", "transaction_date", "payment_method", "updated_at", "_batch_id", "_source_file")
SELECT "transaction_id", "order_id", "product_id", "quantity", "unit_price", "discount_percent", "transaction_date", "payment_method", "updated_at", "_batch_id", "_source_file"
FROM (
SELECT "_staged"."transaction_id", "_staged"."order_id", "_staged"."product_id", "_staged"."quantity", "_staged"."unit_price", "_staged"."discount_percent", "_staged"."transaction_date", "_staged"."payment_method", "_staged"."updated_at", "_staged"."_batch_id", "_staged"."_source_file",
ROW_NUMBER() OVER (PARTITION BY "_staged"."transaction_id" ORDER BY "_staged"."updated_at" DESC NULLS LAST, "_staged"."_batch_id" DESC NULLS LAST, "_staged"."_source_file" DESC NULLS LAST, "_staged"."order_id" DESC NULLS LAST, "_staged"."product_id" DESC NULLS LAST, "_staged"."quantity" DESC NULLS LAST, "_staged"."unit_price" DESC NULLS LAST, "_staged"."discount_percent" DESC NULLS LAST, "_staged"."transaction_date" DESC NULLS LAST, "_staged"."payment_method" DESC NULLS LAST) AS "_rank"
FROM "sluice"."stage_transactions_0123456789ab" AS "_staged" INNER JOIN "_load_batches" ON "_staged"."_batch_id" = "_load_batches"."batch_id"
) AS "_ranked"
WHERE "_rank" = 1;

-- transactions: merge 7
DELETE FROM "_load_fresh"
USING "public"."transactions"
WHERE "transactions"."transaction_id" = "_load_fresh"."transaction_id"
AND (("transactions"."updated_at" > "_load_fresh"."updated_at") OR ("transactions"."updated_at" = "_load_fresh"."updated_at" AND "transactions"."_batch_id" >= "_load_fresh"."_batch_id"));

-- transactions: merge 8
INSERT INTO "sluice"."dates_transactions" ("table_schema", "batch_id", "affected_date")
SELECT CAST('public' AS varchar(128)), "_affected"."batch_id", "_affected"."affected_date"
FROM (
SELECT "_staged"."_batch_id" AS "batch_id", CAST("transactions"."transaction_date" AS date) AS "affected_date"
FROM "sluice"."stage_transactions_0123456789ab" AS "_staged" INNER JOIN "_load_batches" ON "_staged"."_batch_id" = "_load_batches"."batch_id"
INNER JOIN "public"."transactions" ON "transactions"."transaction_id" = "_staged"."transaction_id"
UNION
SELECT "_batch_id", CAST("transaction_date" AS date) FROM "_load_fresh"
UNION
SELECT "_load_batches"."batch_id", CAST("transactions"."transaction_date" AS date)
FROM "public"."transactions" INNER JOIN "_load_batches"
ON SPLIT_PART("transactions"."_batch_id", '.', 2) = "_load_batches"."partition_digits" AND "transactions"."_batch_id" < "_load_batches"."batch_id"
WHERE ("transactions"."_batch_id" BETWEEN 'transactions.2026112013.' AND 'transactions.2026112013/')
UNION
SELECT "_load_batches"."batch_id", "_noted"."affected_date"
FROM "sluice"."dates_transactions" AS "_noted" INNER JOIN "_load_batches"
ON SPLIT_PART("_noted"."batch_id", '.', 2) = "_load_batches"."partition_digits" AND "_noted"."batch_id" < "_load_batches"."batch_id"
WHERE "table_schema" = 'public' AND ("_noted"."batch_id" BETWEEN 'transactions.2026112013.' AND 'transactions.2026112013/')
) AS "_affected"
WHERE "_affected"."affected_date" IS NOT NULL;

-- transactions: merge 9
INSERT INTO "sluice"."loads_transactions" ("table_schema", "batch_id", "partition_label", "rows_staged", "rows_inserted", "rows_updated", "rows_stale")
SELECT CAST('public' AS varchar(128)), "_load_batches"."batch_id", "_load_batches"."partition_label", COALESCE("_all"."rows", 0), COALESCE("_kept"."rows", 0) - COALESCE("_updated"."rows", 0), COALESCE("_updated"."rows", 0), COALESCE("_all"."rows", 0) - COALESCE("_kept"."rows", 0)
FROM "_load_batches"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "sluice"."stage_transactions_0123456789ab" GROUP BY "_batch_id") AS "_all" ON "_all"."_batch_id" = "_load_batches"."batch_id"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "_load_fresh" GROUP BY "_batch_id") AS "_kept" ON "_kept"."_batch_id" = "_load_batches"."batch_id"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "_load_fresh"
WHERE EXISTS (SELECT 1 FROM "public"."transactions" WHERE "transactions"."transaction_id" = "_load_fresh"."transaction_id")
GROUP BY "_batch_id") AS "_updated" ON "_updated"."_batch_id" = "_load_batches"."batch_id";

-- transactions: merge 10
INSERT INTO "sluice"."load_audit" ("dataset", "table_schema", "table_name", "batch_id", "partition_label", "load_mode", "claim_id", "rows_staged", "rows_inserted", "rows_updated", "rows_stale", "loaded_at")
SELECT CAST('transactions' AS varchar(128)), "_booked"."table_schema", CAST('transactions' AS varchar(128)), "_booked"."batch_id", "_booked"."partition_label", CAST('upsert' AS varchar(16)), CAST('claim' AS varchar(256)), "_booked"."rows_staged", "_booked"."rows_inserted", "_booked"."rows_updated", "_booked"."rows_stale", GETDATE()
FROM "sluice"."loads_transactions" AS "_booked" INNER JOIN "_load_batches" ON "_booked"."batch_id" = "_load_batches"."batch_id"
WHERE "table_schema" = 'public';

-- transactions: merge 11
MERGE INTO "public"."transactions"
USING "_load_fresh"
ON "transactions"."transaction_id" = "_load_fresh"."transaction_id"
WHEN MATCHED THEN UPDATE SET "order_id" = "_load_fresh"."order_id", "product_id" = "_load_fresh"."product_id", "quantity" = "_load_fresh"."quantity", "unit_price" = "_load_fresh"."unit_price", "discount_percent" = "_load_fresh"."discount_percent", "transaction_date" = "_load_fresh"."transaction_date", "payment_method" = "_load_fresh"."payment_method", "updated_at" = "_load_fresh"."updated_at", "_batch_id" = "_load_fresh"."_batch_id", "_source_file" = "_load_fresh"."_source_file"
WHEN NOT MATCHED THEN INSERT ("transaction_id", "order_id", "product_id", "quantity", "unit_price", "discount_percent", "transaction_date", "payment_method", "updated_at", "_batch_id", "_source_file") VALUES ("_load_fresh"."transaction_id", "_load_fresh"."order_id", "_load_fresh"."product_id", "_load_fresh"."quantity", "_load_fresh"."unit_price", "_load_fresh"."discount_percent", "_load_fresh"."transaction_date", "_load_fresh"."payment_method", "_load_fresh"."updated_at", "_load_fresh"."_batch_id", "_load_fresh"."_source_file");

-- transactions: audit
SELECT "batch_id", "rows_staged", "rows_inserted", "rows_updated", "rows_stale"
FROM "sluice"."loads_transactions"
WHERE "table_schema" = 'public' AND "batch_id" IN ('transactions.2026112013.00000000000000000000000000000001', 'transactions.2026112013.00000000000000000000000000000002');

-- transactions: drop
DROP TABLE IF EXISTS "sluice"."stage_transactions_0123456789ab";
