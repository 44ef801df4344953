-- orders: target
CREATE TABLE IF NOT EXISTS "public"."orders" (
"order_id" varchar(20) NOT NULL,
"customer_id" varchar(20),
"order_date" date ENCODE az64,
"ship_date" date,
"ship_mode" varchar(32),
"total_amount" decimal(12,2),
"discount" decimal(5,4),
"tax" decimal(12,2),
"profit" decimal(12,2),
"order_status" varchar(16),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE KEY DISTKEY ("customer_id") COMPOUND SORTKEY ("order_date", "order_id");

-- orders: books
CREATE TABLE IF NOT EXISTS "sluice"."loads_orders" (
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

-- orders: books
INSERT INTO "sluice"."loads_orders"
    (table_schema, batch_id, partition_label, rows_staged, rows_inserted, rows_updated, rows_stale)
SELECT table_schema, batch_id, partition_label, rows_staged, rows_inserted, rows_updated, rows_stale
FROM sluice.load_audit
WHERE table_schema = 'public'
    AND table_name = 'orders'
    AND batch_id NOT IN (SELECT batch_id FROM "sluice"."loads_orders" WHERE table_schema = 'public');

-- orders: books
CREATE TABLE IF NOT EXISTS "sluice"."dates_orders" (
    table_schema varchar(128) NOT NULL,
    batch_id varchar(256) NOT NULL,
    affected_date date NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (batch_id);

-- orders: new column
ALTER TABLE "public"."orders" ADD COLUMN "_source_file" varchar(1093);

-- orders: stage
DROP TABLE IF EXISTS "sluice"."stage_orders_0123456789ab";

-- orders: stage
CREATE TABLE "sluice"."stage_orders_0123456789ab" (
"order_id" varchar(20),
"customer_id" varchar(20),
"order_date" date,
"ship_date" date,
"ship_mode" varchar(32),
"total_amount" decimal(12,2),
"discount" decimal(5,4),
"tax" decimal(12,2),
"profit" decimal(12,2),
"order_status" varchar(16),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE KEY DISTKEY ("customer_id");

-- orders: stage
COPY "sluice"."stage_orders_0123456789ab"
FROM 's3://sluice-processed/_sluice/loads/claim/orders.manifest.json'
IAM_ROLE default
FORMAT AS PARQUET MANIFEST;

-- orders: count
SELECT "_batch_id", COUNT(*) FROM "sluice"."stage_orders_0123456789ab" GROUP BY "_batch_id" ORDER BY "_batch_id";

-- orders: merge 1
LOCK "sluice"."loads_orders";

-- orders: merge 2
CREATE TEMP TABLE "_load_batches" ("batch_id" varchar(256) NOT NULL, "partition_label" varchar(16) NOT NULL, "partition_digits" varchar(16) NOT NULL, "is_current" boolean NOT NULL) DISTSTYLE ALL;

-- orders: merge 3
INSERT INTO "_load_batches" ("batch_id", "partition_label", "partition_digits", "is_current") VALUES ('orders.2026112013.00000000000000000000000000000001', '2026-11-20T13', '2026112013', TRUE), ('orders.2026112013.00000000000000000000000000000002', '2026-11-20T13', '2026112013', TRUE);

-- orders: merge 4
DELETE FROM "_load_batches"
WHERE "batch_id" IN (SELECT "batch_id" FROM "sluice"."loads_orders" WHERE "table_schema" = 'public');

-- orders: merge 5
CREATE TEMP TABLE "_load_fresh" (
"order_id" varchar(20),
"customer_id" varchar(20),
"order_date" date,
"ship_date" date,
"ship_mode" varchar(32),
"total_amount" decimal(12,2),
"discount" decimal(5,4),
"tax" decimal(12,2),
"profit" decimal(12,2),
"order_status" varchar(16),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE KEY DISTKEY ("customer_id");

-- orders: merge 6
INSERT INTO "_load_fresh" ("order_id", "customer_id", "order_date", "ship_date", "ship_mode", "total_amount", "discount", "tax", "profit", "order_status", "updated_at", "_batch_id", "_source_file")
SELECT "order_id", "customer_id", "order_date", "ship_date", "ship_mode", "total_amount", "discount", "tax", "profit", "order_status", "updated_at", "_batch_id", "_source_file"
FROM (
SELECT RTRIM("_staged"."order_id") AS "order_id", "_staged"."customer_id", "_staged"."order_date", "_staged"."ship_date", "_staged"."ship_mode", "_staged"."total_amount", "_staged"."discount", "_staged"."tax", "_staged"."profit", "_staged"."order_status", "_staged"."updated_at", "_staged"."_batch_id", "_staged"."_source_file",
ROW_NUMBER() OVER (PARTITION BY RTRIM("_staged"."order_id") ORDER BY "_staged"."updated_at" DESC NULLS LAST, "_staged"."_batch_id" DESC NULLS LAST, "_staged"."_source_file" DESC NULLS LAST, "_staged"."customer_id" DESC NULLS LAST, "_staged"."order_date" DESC NULLS LAST, "_staged"."ship_date" DESC NULLS LAST, "_staged"."ship_mode" DESC NULLS LAST, "_staged"."total_amount" DESC NULLS LAST, "_staged"."discount" DESC NULLS LAST, "_staged"."tax" DESC NULLS LAST, "_staged"."profit" DESC NULLS LAST, "_staged"."order_status" DESC NULLS LAST) AS "_rank"
FROM "sluice"."stage_orders_0123456789ab" AS "_staged" INNER JOIN "_load_batches" ON "_staged"."_batch_id" = "_load_batches"."batch_id"
) AS "_ranked"
WHERE "_rank" = 1;

-- orders: merge 7
DELETE FROM "_load_fresh"
USING "public"."orders"
WHERE "orders"."order_id" = "_load_fresh"."order_id"
AND (("orders"."updated_at" > "_load_fresh"."updated_at") OR ("orders"."updated_at" = "_load_fresh"."updated_at" AND "orders"."_batch_id" >= "_load_fresh"."_batch_id"));

-- orders: merge 8
INSERT INTO "sluice"."dates_orders" ("table_schema", "batch_id", "affected_date")
SELECT CAST('public' AS varchar(128)), "_affected"."batch_id", "_affected"."affected_date"
FROM (
SELECT "_staged"."_batch_id" AS "batch_id", CAST("orders"."order_date" AS date) AS "affected_date"
FROM "sluice"."stage_orders_0123456789ab" AS "_staged" INNER JOIN "_load_batches" ON "_staged"."_batch_id" = "_load_batches"."batch_id"
INNER JOIN "public"."orders" ON "orders"."order_id" = RTRIM("_staged"."order_id")
UNION
SELECT "_batch_id", CAST("order_date" AS date) FROM "_load_fresh"
UNION
SELECT "_load_batches"."batch_id", CAST("orders"."order_date" AS date)
FROM "public"."orders" INNER JOIN "_load_batches"
ON SPLIT_PART("orders"."_batch_id", '.', 2) = "_load_batches"."partition_digits" AND "orders"."_batch_id" < "_load_batches"."batch_id"
WHERE ("orders"."_batch_id" BETWEEN 'orders.2026112013.' AND 'orders.2026112013/')
UNION
SELECT "_load_batches"."batch_id", "_noted"."affected_date"
FROM "sluice"."dates_orders" AS "_noted" INNER JOIN "_load_batches"
ON SPLIT_PART("_noted"."batch_id", '.', 2) = "_load_batches"."partition_digits" AND "_noted"."batch_id" < "_load_batches"."batch_id"
WHERE "table_schema" = 'public' AND ("_noted"."batch_id" BETWEEN 'orders.2026112013.' AND 'orders.2026112013/')
) AS "_affected"
WHERE "_affected"."affected_date" IS NOT NULL;

-- orders: merge 9
INSERT INTO "sluice"."loads_orders" ("table_schema", "batch_id", "partition_label", "rows_staged", "rows_inserted", "rows_updated", "rows_stale")
SELECT CAST('public' AS varchar(128)), "_load_batches"."batch_id", "_load_batches"."partition_label", COALESCE("_all"."rows", 0), COALESCE("_kept"."rows", 0) - COALESCE("_updated"."rows", 0), COALESCE("_updated"."rows", 0), COALESCE("_all"."rows", 0) - COALESCE("_kept"."rows", 0)
FROM "_load_batches"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "sluice"."stage_orders_0123456789ab" GROUP BY "_batch_id") AS "_all" ON "_all"."_batch_id" = "_load_batches"."batch_id"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "_load_fresh" GROUP BY "_batch_id") AS "_kept" ON "_kept"."_batch_id" = "_load_batches"."batch_id"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "_load_fresh"
WHERE EXISTS (SELECT 1 FROM "public"."orders" WHERE "orders"."order_id" = "_load_fresh"."order_id")
GROUP BY "_batch_id") AS "_updated" ON "_updated"."_batch_id" = "_load_batches"."batch_id";

-- orders: merge 10
INSERT INTO "sluice"."load_audit" ("dataset", "table_schema", "table_name", "batch_id", "partition_label", "load_mode", "claim_id", "rows_staged", "rows_inserted", "rows_updated", "rows_stale", "loaded_at")
SELECT CAST('orders' AS varchar(128)), "_booked"."table_schema", CAST('orders' AS varchar(128)), "_booked"."batch_id", "_booked"."partition_label", CAST('upsert' AS varchar(16)), CAST('claim' AS varchar(256)), "_booked"."rows_staged", "_booked"."rows_inserted", "_booked"."rows_updated", "_booked"."rows_stale", GETDATE()
FROM "sluice"."loads_orders" AS "_booked" INNER JOIN "_load_batches" ON "_booked"."batch_id" = "_load_batches"."batch_id"
WHERE "table_schema" = 'public';

-- orders: merge 11
MERGE INTO "public"."orders"
USING "_load_fresh"
ON "orders"."order_id" = "_load_fresh"."order_id"
WHEN MATCHED THEN UPDATE SET "customer_id" = "_load_fresh"."customer_id", "order_date" = "_load_fresh"."order_date", "ship_date" = "_load_fresh"."ship_date", "ship_mode" = "_load_fresh"."ship_mode", "total_amount" = "_load_fresh"."total_amount", "discount" = "_load_fresh"."discount", "tax" = "_load_fresh"."tax", "profit" = "_load_fresh"."profit", "order_status" = "_load_fresh"."order_status", "updated_at" = "_load_fresh"."updated_at", "_batch_id" = "_load_fresh"."_batch_id", "_source_file" = "_load_fresh"."_source_file"
WHEN NOT MATCHED THEN INSERT ("order_id", "customer_id", "order_date", "ship_date", "ship_mode", "total_amount", "discount", "tax", "profit", "order_status", "updated_at", "_batch_id", "_source_file") VALUES ("_load_fresh"."order_id", "_load_fresh"."customer_id", "_load_fresh"."order_date", "_load_fresh"."ship_date", "_load_fresh"."ship_mode", "_load_fresh"."total_amount", "_load_fresh"."discount", "_load_fresh"."tax", "_load_fresh"."profit", "_load_fresh"."order_status", "_load_fresh"."updated_at", "_load_fresh"."_batch_id", "_load_fresh"."_source_file");

-- orders: audit
SELECT "batch_id", "rows_staged", "rows_inserted", "rows_updated", "rows_stale"
FROM "sluice"."loads_orders"
WHERE "table_schema" = 'public' AND "batch_id" IN ('orders.2026112013.00000000000000000000000000000001', 'orders.2026112013.00000000000000000000000000000002');

-- orders: drop
DROP TABLE IF EXISTS "sluice"."stage_orders_0123456789ab";

-- order_items: target
CREATE TABLE IF NOT EXISTS "public"."order_items" (
"order_id" varchar(20) NOT NULL,
"line_number" integer NOT NULL,
"product_id" varchar(20),
"quantity" integer,
"unit_price" decimal(12,2),
"order_date" date,
"customer_id" varchar(20),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE KEY DISTKEY ("customer_id") COMPOUND SORTKEY ("order_date", "order_id", "line_number");

-- order_items: books
CREATE TABLE IF NOT EXISTS "sluice"."loads_order_items" (
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

-- order_items: books
INSERT INTO "sluice"."loads_order_items"
    (table_schema, batch_id, partition_label, rows_staged, rows_inserted, rows_updated, rows_stale)
SELECT table_schema, batch_id, partition_label, rows_staged, rows_inserted, rows_updated, rows_stale
FROM sluice.load_audit
WHERE table_schema = 'public'
    AND table_name = 'order_items'
    AND batch_id NOT IN (SELECT batch_id FROM "sluice"."loads_order_items" WHERE table_schema = 'public');

-- order_items: books
CREATE TABLE IF NOT EXISTS "sluice"."dates_order_items" (
    table_schema varchar(128) NOT NULL,
    batch_id varchar(256) NOT NULL,
    affected_date date NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (batch_id);

-- order_items: new column
ALTER TABLE "public"."order_items" ADD COLUMN "_source_file" varchar(1093);

-- order_items: stage
DROP TABLE IF EXISTS "sluice"."stage_order_items_0123456789ab";

-- order_items: stage
CREATE TABLE "sluice"."stage_order_items_0123456789ab" (
"order_id" varchar(20),
"line_number" integer,
"product_id" varchar(20),
"quantity" integer,
"unit_price" decimal(12,2),
"order_date" date,
"customer_id" varchar(20),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE KEY DISTKEY ("customer_id");

-- order_items: stage
COPY "sluice"."stage_order_items_0123456789ab"
FROM 's3://sluice-processed/_sluice/loads/claim/order_items.manifest.json'
IAM_ROLE default
FORMAT AS PARQUET MANIFEST;

-- order_items: count
SELECT "_batch_id", COUNT(*) FROM "sluice"."stage_order_items_0123456789ab" GROUP BY "_batch_id" ORDER BY "_batch_id";

-- order_items: merge 1
LOCK "sluice"."loads_order_items";

-- order_items: merge 2
CREATE TEMP TABLE "_load_batches" ("batch_id" varchar(256) NOT NULL, "partition_label" varchar(16) NOT NULL, "partition_digits" varchar(16) NOT NULL, "is_current" boolean NOT NULL) DISTSTYLE ALL;

-- order_items: merge 3
INSERT INTO "_load_batches" ("batch_id", "partition_label", "partition_digits", "is_current") VALUES ('orders.2026112013.00000000000000000000000000000001', '2026-11-20T13', '2026112013', TRUE), ('orders.2026112013.00000000000000000000000000000002', '2026-11-20T13', '2026112013', TRUE);

-- order_items: merge 4
DELETE FROM "_load_batches"
WHERE "batch_id" IN (SELECT "batch_id" FROM "sluice"."loads_order_items" WHERE "table_schema" = 'public');

-- order_items: merge 5
CREATE TEMP TABLE "_load_fresh" (
"order_id" varchar(20),
"line_number" integer,
"product_id" varchar(20),
"quantity" integer,
"unit_price" decimal(12,2),
"order_date" date,
"customer_id" varchar(20),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE KEY DISTKEY ("customer_id");

-- order_items: merge 6
INSERT INTO "_load_fresh" ("order_id", "line_number", "product_id", "quantity", "unit_price", "order_date", "customer_id", "updated_at", "_batch_id", "_source_file")
SELECT "order_id", "line_number", "product_id", "quantity", "unit_price", "order_date", "customer_id", "updated_at", "_batch_id", "_source_file"
FROM (
SELECT RTRIM("_staged"."order_id") AS "order_id", "_staged"."line_number", "_staged"."product_id", "_staged"."quantity", "_staged"."unit_price", "_staged"."order_date", "_staged"."customer_id", "_staged"."updated_at", "_staged"."_batch_id", "_staged"."_source_file",
ROW_NUMBER() OVER (PARTITION BY RTRIM("_staged"."order_id"), "_staged"."line_number" ORDER BY "_staged"."updated_at" DESC NULLS LAST, "_staged"."_batch_id" DESC NULLS LAST, "_staged"."_source_file" DESC NULLS LAST, "_staged"."product_id" DESC NULLS LAST, "_staged"."quantity" DESC NULLS LAST, "_staged"."unit_price" DESC NULLS LAST, "_staged"."order_date" DESC NULLS LAST, "_staged"."customer_id" DESC NULLS LAST) AS "_rank"
FROM "sluice"."stage_order_items_0123456789ab" AS "_staged" INNER JOIN "_load_batches" ON "_staged"."_batch_id" = "_load_batches"."batch_id"
) AS "_ranked"
WHERE "_rank" = 1;

-- order_items: merge 7
DELETE FROM "_load_fresh"
USING "public"."order_items"
WHERE "order_items"."order_id" = "_load_fresh"."order_id" AND "order_items"."line_number" = "_load_fresh"."line_number"
AND (("order_items"."updated_at" > "_load_fresh"."updated_at") OR ("order_items"."updated_at" = "_load_fresh"."updated_at" AND "order_items"."_batch_id" >= "_load_fresh"."_batch_id"));

-- order_items: merge 8
INSERT INTO "sluice"."dates_order_items" ("table_schema", "batch_id", "affected_date")
SELECT CAST('public' AS varchar(128)), "_affected"."batch_id", "_affected"."affected_date"
FROM (
SELECT "_staged"."_batch_id" AS "batch_id", CAST("order_items"."order_date" AS date) AS "affected_date"
FROM "sluice"."stage_order_items_0123456789ab" AS "_staged" INNER JOIN "_load_batches" ON "_staged"."_batch_id" = "_load_batches"."batch_id"
INNER JOIN "public"."order_items" ON "order_items"."order_id" = RTRIM("_staged"."order_id") AND "order_items"."line_number" = "_staged"."line_number"
UNION
SELECT "_batch_id", CAST("order_date" AS date) FROM "_load_fresh"
UNION
SELECT "_load_batches"."batch_id", CAST("order_items"."order_date" AS date)
FROM "public"."order_items" INNER JOIN "_load_batches"
ON SPLIT_PART("order_items"."_batch_id", '.', 2) = "_load_batches"."partition_digits" AND "order_items"."_batch_id" < "_load_batches"."batch_id"
WHERE ("order_items"."_batch_id" BETWEEN 'orders.2026112013.' AND 'orders.2026112013/')
UNION
SELECT "_load_batches"."batch_id", "_noted"."affected_date"
FROM "sluice"."dates_order_items" AS "_noted" INNER JOIN "_load_batches"
ON SPLIT_PART("_noted"."batch_id", '.', 2) = "_load_batches"."partition_digits" AND "_noted"."batch_id" < "_load_batches"."batch_id"
WHERE "table_schema" = 'public' AND ("_noted"."batch_id" BETWEEN 'orders.2026112013.' AND 'orders.2026112013/')
) AS "_affected"
WHERE "_affected"."affected_date" IS NOT NULL;

-- order_items: merge 9
INSERT INTO "sluice"."loads_order_items" ("table_schema", "batch_id", "partition_label", "rows_staged", "rows_inserted", "rows_updated", "rows_stale")
SELECT CAST('public' AS varchar(128)), "_load_batches"."batch_id", "_load_batches"."partition_label", COALESCE("_all"."rows", 0), COALESCE("_kept"."rows", 0) - COALESCE("_updated"."rows", 0), COALESCE("_updated"."rows", 0), COALESCE("_all"."rows", 0) - COALESCE("_kept"."rows", 0)
FROM "_load_batches"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "sluice"."stage_order_items_0123456789ab" GROUP BY "_batch_id") AS "_all" ON "_all"."_batch_id" = "_load_batches"."batch_id"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "_load_fresh" GROUP BY "_batch_id") AS "_kept" ON "_kept"."_batch_id" = "_load_batches"."batch_id"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "_load_fresh"
WHERE EXISTS (SELECT 1 FROM "public"."order_items" WHERE "order_items"."order_id" = "_load_fresh"."order_id" AND "order_items"."line_number" = "_load_fresh"."line_number")
GROUP BY "_batch_id") AS "_updated" ON "_updated"."_batch_id" = "_load_batches"."batch_id";

-- order_items: merge 10
INSERT INTO "sluice"."load_audit" ("dataset", "table_schema", "table_name", "batch_id", "partition_label", "load_mode", "claim_id", "rows_staged", "rows_inserted", "rows_updated", "rows_stale", "loaded_at")
SELECT CAST('orders' AS varchar(128)), "_booked"."table_schema", CAST('order_items' AS varchar(128)), "_booked"."batch_id", "_booked"."partition_label", CAST('upsert' AS varchar(16)), CAST('claim' AS varchar(256)), "_booked"."rows_staged", "_booked"."rows_inserted", "_booked"."rows_updated", "_booked"."rows_stale", GETDATE()
FROM "sluice"."loads_order_items" AS "_booked" INNER JOIN "_load_batches" ON "_booked"."batch_id" = "_load_batches"."batch_id"
WHERE "table_schema" = 'public';

-- order_items: merge 11
MERGE INTO "public"."order_items"
USING "_load_fresh"
ON "order_items"."order_id" = "_load_fresh"."order_id" AND "order_items"."line_number" = "_load_fresh"."line_number"
WHEN MATCHED THEN UPDATE SET "product_id" = "_load_fresh"."product_id", "quantity" = "_load_fresh"."quantity", "unit_price" = "_load_fresh"."unit_price", "order_date" = "_load_fresh"."order_date", "customer_id" = "_load_fresh"."customer_id", "updated_at" = "_load_fresh"."updated_at", "_batch_id" = "_load_fresh"."_batch_id", "_source_file" = "_load_fresh"."_source_file"
WHEN NOT MATCHED THEN INSERT ("order_id", "line_number", "product_id", "quantity", "unit_price", "order_date", "customer_id", "updated_at", "_batch_id", "_source_file") VALUES ("_load_fresh"."order_id", "_load_fresh"."line_number", "_load_fresh"."product_id", "_load_fresh"."quantity", "_load_fresh"."unit_price", "_load_fresh"."order_date", "_load_fresh"."customer_id", "_load_fresh"."updated_at", "_load_fresh"."_batch_id", "_load_fresh"."_source_file");

-- order_items: audit
SELECT "batch_id", "rows_staged", "rows_inserted", "rows_updated", "rows_stale"
FROM "sluice"."loads_order_items"
WHERE "table_schema" = 'public' AND "batch_id" IN ('orders.2026112013.00000000000000000000000000000001', 'orders.2026112013.00000000000000000000000000000002');

-- order_items: drop
DROP TABLE IF EXISTS "sluice"."stage_order_items_0123456789ab";
