-- products: target
CREATE TABLE IF NOT EXISTS "public"."products" (
"product_id" varchar(20) NOT NULL,
"product_name" varchar(200),
"category" varchar(64),
"sub_category" varchar(64),
"brand" varchar(64),
"unit_price" decimal(12,2),
"cost" decimal(12,2),
"stock_quantity" integer,
"supplier_id" varchar(20),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE ALL COMPOUND SORTKEY ("product_id");

-- products: books
CREATE TABLE IF NOT EXISTS "sluice"."loads_products" (
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

-- products: books
INSERT INTO "sluice"."loads_products"
    (table_schema, batch_id, partition_label, rows_staged, rows_inserted, rows_updated, rows_stale)
SELECT table_schema, batch_id, partition_label, rows_staged, rows_inserted, rows_updated, rows_stale
FROM sluice.load_audit
WHERE table_schema = 'public'
    AND table_name = 'products'
    AND batch_id NOT IN (SELECT batch_id FROM "sluice"."loads_products" WHERE table_schema = 'public');

-- products: books
CREATE TABLE IF NOT EXISTS "sluice"."dates_products" (
    table_schema varchar(128) NOT NULL,
    batch_id varchar(256) NOT NULL,
    affected_date date NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (batch_id);

-- products: new column
ALTER TABLE "public"."products" ADD COLUMN "_source_file" varchar(1093);

-- products: stage
DROP TABLE IF EXISTS "sluice"."stage_products_0123456789ab";

-- products: stage
CREATE TABLE "sluice"."stage_products_0123456789ab" (
"product_id" varchar(20),
"product_name" varchar(200),
"category" varchar(64),
"sub_category" varchar(64),
"brand" varchar(64),
"unit_price" decimal(12,2),
"cost" decimal(12,2),
"stock_quantity" integer,
"supplier_id" varchar(20),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE EVEN;

-- products: stage
COPY "sluice"."stage_products_0123456789ab"
FROM 's3://sluice-processed/_sluice/loads/claim/products.manifest.json'
IAM_ROLE default
FORMAT AS PARQUET MANIFEST;

-- products: count
SELECT "_batch_id", COUNT(*) FROM "sluice"."stage_products_0123456789ab" GROUP BY "_batch_id" ORDER BY "_batch_id";

-- products: merge 1
LOCK "sluice"."loads_products";

-- products: merge 2
CREATE TEMP TABLE "_load_batches" ("batch_id" varchar(256) NOT NULL, "partition_label" varchar(16) NOT NULL, "partition_digits" varchar(16) NOT NULL, "is_current" boolean NOT NULL) DISTSTYLE ALL;

-- products: merge 3
INSERT INTO "_load_batches" ("batch_id", "partition_label", "partition_digits", "is_current") VALUES ('products.2026112013.00000000000000000000000000000001', '2026-11-20T13', '2026112013', TRUE), ('products.2026112013.00000000000000000000000000000002', '2026-11-20T13', '2026112013', TRUE);

-- products: merge 4
DELETE FROM "_load_batches"
WHERE "batch_id" IN (SELECT "batch_id" FROM "sluice"."loads_products" WHERE "table_schema" = 'public');

-- products: merge 5
CREATE TEMP TABLE "_load_fresh" (
"product_id" varchar(20),
"product_name" varchar(200),
"category" varchar(64),
"sub_category" varchar(64),
"brand" varchar(64),
"unit_price" decimal(12,2),
"cost" decimal(12,2),
"stock_quantity" integer,
"supplier_id" varchar(20),
"updated_at" timestamp,
"_batch_id" varchar(256),
"_source_file" varchar(1093)
) DISTSTYLE EVEN;

-- products: merge 6
INSERT INTO "_load_fresh" ("product_id", "product_name", "category", "sub_category", "brand", "unit_price", "cost", "stock_quantity", "supplier_id", "updated_at", "_batch_id", "_source_file")
SELECT "product_id", "product_name", "category", "sub_category", "brand", "unit_price", "cost", "stock_quantity", "supplier_id", "updated_at", "_batch_id", "_source_file"
FROM (
SELECT RTRIM("_staged"."product_id") AS "product_id", "_staged"."product_name", "_staged"."category", "_staged"."sub_category", "_staged"."brand", "_staged"."unit_price", "_staged"."cost", "_staged"."stock_quantity", "_staged"."supplier_id", "_staged"."updated_at", "_staged"."_batch_id", "_staged"."_source_file",
ROW_NUMBER() OVER (PARTITION BY RTRIM("_staged"."product_id") ORDER BY "_staged"."updated_at" DESC NULLS LAST, "_staged"."_batch_id" DESC NULLS LAST, "_staged"."_source_file" DESC NULLS LAST, "_staged"."product_name" DESC NULLS LAST, "_staged"."category" DESC NULLS LAST, "_staged"."sub_category" DESC NULLS LAST, "_staged"."brand" DESC NULLS LAST, "_staged"."unit_price" DESC NULLS LAST, "_staged"."cost" DESC NULLS LAST, "_staged"."stock_quantity" DESC NULLS LAST, "_staged"."supplier_id" DESC NULLS LAST) AS "_rank"
FROM "sluice"."stage_products_0123456789ab" AS "_staged" INNER JOIN "_load_batches" ON "_staged"."_batch_id" = "_load_batches"."batch_id"
) AS "_ranked"
WHERE "_rank" = 1;

-- products: merge 7
DELETE FROM "_load_fresh"
USING "public"."products"
WHERE "products"."product_id" = "_load_fresh"."product_id"
AND (("products"."updated_at" > "_load_fresh"."updated_at") OR ("products"."updated_at" = "_load_fresh"."updated_at" AND "products"."_batch_id" >= "_load_fresh"."_batch_id"));

-- products: merge 8
INSERT INTO "sluice"."loads_products" ("table_schema", "batch_id", "partition_label", "rows_staged", "rows_inserted", "rows_updated", "rows_stale")
SELECT CAST('public' AS varchar(128)), "_load_batches"."batch_id", "_load_batches"."partition_label", COALESCE("_all"."rows", 0), COALESCE("_kept"."rows", 0) - COALESCE("_updated"."rows", 0), COALESCE("_updated"."rows", 0), COALESCE("_all"."rows", 0) - COALESCE("_kept"."rows", 0)
FROM "_load_batches"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "sluice"."stage_products_0123456789ab" GROUP BY "_batch_id") AS "_all" ON "_all"."_batch_id" = "_load_batches"."batch_id"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "_load_fresh" GROUP BY "_batch_id") AS "_kept" ON "_kept"."_batch_id" = "_load_batches"."batch_id"
LEFT JOIN (SELECT "_batch_id", COUNT(*) AS "rows" FROM "_load_fresh"
WHERE EXISTS (SELECT 1 FROM "public"."products" WHERE "products"."product_id" = "_load_fresh"."product_id")
GROUP BY "_batch_id") AS "_updated" ON "_updated"."_batch_id" = "_load_batches"."batch_id";

-- products: merge 9
INSERT INTO "sluice"."load_audit" ("dataset", "table_schema", "table_name", "batch_id", "partition_label", "load_mode", "claim_id", "rows_staged", "rows_inserted", "rows_updated", "rows_stale", "loaded_at")
SELECT CAST('products' AS varchar(128)), "_booked"."table_schema", CAST('products' AS varchar(128)), "_booked"."batch_id", "_booked"."partition_label", CAST('upsert' AS varchar(16)), CAST('claim' AS varchar(256)), "_booked"."rows_staged", "_booked"."rows_inserted", "_booked"."rows_updated", "_booked"."rows_stale", GETDATE()
FROM "sluice"."loads_products" AS "_booked" INNER JOIN "_load_batches" ON "_booked"."batch_id" = "_load_batches"."batch_id"
WHERE "table_schema" = 'public';

-- products: merge 10
MERGE INTO "public"."products"
USING "_load_fresh"
ON "products"."product_id" = "_load_fresh"."product_id"
WHEN MATCHED THEN UPDATE SET "product_name" = "_load_fresh"."product_name", "category" = "_load_fresh"."category", "sub_category" = "_load_fresh"."sub_category", "brand" = "_load_fresh"."brand", "unit_price" = "_load_fresh"."unit_price", "cost" = "_load_fresh"."cost", "stock_quantity" = "_load_fresh"."stock_quantity", "supplier_id" = "_load_fresh"."supplier_id", "updated_at" = "_load_fresh"."updated_at", "_batch_id" = "_load_fresh"."_batch_id", "_source_file" = "_load_fresh"."_source_file"
WHEN NOT MATCHED THEN INSERT ("product_id", "product_name", "category", "sub_category", "brand", "unit_price", "cost", "stock_quantity", "supplier_id", "updated_at", "_batch_id", "_source_file") VALUES ("_load_fresh"."product_id", "_load_fresh"."product_name", "_load_fresh"."category", "_load_fresh"."sub_category", "_load_fresh"."brand", "_load_fresh"."unit_price", "_load_fresh"."cost", "_load_fresh"."stock_quantity", "_load_fresh"."supplier_id", "_load_fresh"."updated_at", "_load_fresh"."_batch_id", "_load_fresh"."_source_file");

-- products: audit
SELECT "batch_id", "rows_staged", "rows_inserted", "rows_updated", "rows_stale"
FROM "sluice"."loads_products"
WHERE "table_schema" = 'public' AND "batch_id" IN ('products.2026112013.00000000000000000000000000000001', 'products.2026112013.00000000000000000000000000000002');

-- products: drop
DROP TABLE IF EXISTS "sluice"."stage_products_0123456789ab";
