CREATE TABLE IF NOT EXISTS "aggregates"."daily_sales_by_category" (
    business_date date NOT NULL,
    category varchar(64) NOT NULL,
    order_lines bigint NOT NULL,
    units bigint NOT NULL,
    revenue decimal(38,2) NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (business_date, category);

CREATE TABLE IF NOT EXISTS "sluice"."guard_daily_sales_by_category" (nothing boolean);

CREATE OR REPLACE PROCEDURE "aggregates"."refresh_daily_sales_by_category"(_dates varchar(65535))
AS $$
DECLARE
    _entry varchar(65535);
    _wanted varchar(65535) := '';
    _days varchar(65535);
BEGIN
    LOCK "sluice"."guard_daily_sales_by_category";
    IF _dates IS NULL OR TRIM(_dates) = '' THEN
        RETURN;
    END IF;
    FOR _place IN 1 .. REGEXP_COUNT(_dates, ',') + 1 LOOP
        _entry := TRIM(SPLIT_PART(_dates, ',', _place));
        IF _entry !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
            RAISE EXCEPTION 'daily_sales_by_category: "%" is not a valid date: write dates as 2026-11-20,2026-11-21', _entry;
        END IF;
        IF _place > 1 THEN
            _wanted := _wanted || ', ';
        END IF;
        _wanted := _wanted || 'DATE ''' || _entry || '''';
    END LOOP;
    DROP TABLE IF EXISTS "_current_facts";
    CREATE TEMP TABLE "_current_facts" ("order_id" varchar(20), "line_number" integer, "business_date" date, "_arrived" varchar(8));
    EXECUTE 'INSERT INTO "_current_facts" SELECT "order_id", "line_number", CAST("order_date" AS date), SUBSTRING(SPLIT_PART("_batch_id", ''.'', 2), 1, 8) FROM "public"."order_items" WHERE CAST("order_date" AS date) IN (' || _wanted || ')';
    SELECT INTO _days LISTAGG(
        '("_published"."year" = ''' || "_year" || ''' AND "_published"."month" = ''' || "_month"
        || ''' AND "_published"."day" IN (' || "_listed" || '))', ' OR '
    )
    FROM (
        SELECT "_year", "_month", LISTAGG('''' || "_day" || '''', ', ') AS "_listed"
        FROM (
            SELECT DISTINCT SUBSTRING("_arrived", 1, 4) AS "_year", SUBSTRING("_arrived", 5, 2) AS "_month",
                SUBSTRING("_arrived", 7, 2) AS "_day"
            FROM "_current_facts"
        ) AS "_each"
        GROUP BY "_year", "_month"
    ) AS "_months";
    DROP TABLE IF EXISTS "_newest_facts";
    CREATE TEMP TABLE "_newest_facts" ("business_date" date, "quantity" integer, "unit_price" decimal(12,2), "product_id" varchar(20), "order_id" varchar(20));
    IF _days IS NOT NULL THEN
        EXECUTE 'INSERT INTO "_newest_facts" ("business_date", "quantity", "unit_price", "product_id", "order_id")
SELECT "business_date", "quantity", "unit_price", "product_id", "order_id"
FROM (
SELECT "_current"."business_date", "_published"."quantity", "_published"."unit_price", "_published"."product_id", "_published"."order_id",
ROW_NUMBER() OVER (PARTITION BY "_published"."order_id", "_published"."line_number" ORDER BY "_published"."updated_at" DESC NULLS LAST, "_published"."_batch_id" DESC NULLS LAST) AS "_rank"
FROM "spectrum"."order_items" AS "_published"
INNER JOIN "_current_facts" AS "_current" ON "_published"."order_id" = "_current"."order_id" AND "_published"."line_number" = "_current"."line_number" AND "_published"."year" || "_published"."month" || "_published"."day" = "_current"."_arrived"
WHERE ' || _days || '
) AS "_ranked"
WHERE "_rank" = 1';
    END IF;
    DROP TABLE IF EXISTS "_current_products";
    CREATE TEMP TABLE "_current_products" ("product_id" varchar(20), "_arrived" varchar(8));
    INSERT INTO "_current_products" SELECT "product_id", SUBSTRING(SPLIT_PART("_batch_id", '.', 2), 1, 8) FROM "public"."products" WHERE "product_id" IN (SELECT "product_id" FROM "_newest_facts");
    SELECT INTO _days LISTAGG(
        '("_published"."year" = ''' || "_year" || ''' AND "_published"."month" = ''' || "_month"
        || ''' AND "_published"."day" IN (' || "_listed" || '))', ' OR '
    )
    FROM (
        SELECT "_year", "_month", LISTAGG('''' || "_day" || '''', ', ') AS "_listed"
        FROM (
            SELECT DISTINCT SUBSTRING("_arrived", 1, 4) AS "_year", SUBSTRING("_arrived", 5, 2) AS "_month",
                SUBSTRING("_arrived", 7, 2) AS "_day"
            FROM "_current_products"
        ) AS "_each"
        GROUP BY "_year", "_month"
    ) AS "_months";
    DROP TABLE IF EXISTS "_newest_products";
    CREATE TEMP TABLE "_newest_products" ("product_id" varchar(20), "category" varchar(64));
    IF _days IS NOT NULL THEN
        EXECUTE 'INSERT INTO "_newest_products" ("product_id", "category")
SELECT "product_id", "category"
FROM (
SELECT "_published"."product_id", "_published"."category",
ROW_NUMBER() OVER (PARTITION BY "_published"."product_id" ORDER BY "_published"."updated_at" DESC NULLS LAST, "_published"."_batch_id" DESC NULLS LAST) AS "_rank"
FROM "spectrum"."products" AS "_published"
INNER JOIN "_current_products" AS "_current" ON "_published"."product_id" = "_current"."product_id" AND "_published"."year" || "_published"."month" || "_published"."day" = "_current"."_arrived"
WHERE ' || _days || '
) AS "_ranked"
WHERE "_rank" = 1';
    END IF;
    DROP TABLE IF EXISTS "_current_orders";
    CREATE TEMP TABLE "_current_orders" ("order_id" varchar(20), "_arrived" varchar(8));
    INSERT INTO "_current_orders" SELECT "order_id", SUBSTRING(SPLIT_PART("_batch_id", '.', 2), 1, 8) FROM "public"."orders" WHERE "order_id" IN (SELECT "order_id" FROM "_newest_facts");
    SELECT INTO _days LISTAGG(
        '("_published"."year" = ''' || "_year" || ''' AND "_published"."month" = ''' || "_month"
        || ''' AND "_published"."day" IN (' || "_listed" || '))', ' OR '
    )
    FROM (
        SELECT "_year", "_month", LISTAGG('''' || "_day" || '''', ', ') AS "_listed"
        FROM (
            SELECT DISTINCT SUBSTRING("_arrived", 1, 4) AS "_year", SUBSTRING("_arrived", 5, 2) AS "_month",
                SUBSTRING("_arrived", 7, 2) AS "_day"
            FROM "_current_orders"
        ) AS "_each"
        GROUP BY "_year", "_month"
    ) AS "_months";
    DROP TABLE IF EXISTS "_newest_orders";
    CREATE TEMP TABLE "_newest_orders" ("order_id" varchar(20), "order_status" varchar(16));
    IF _days IS NOT NULL THEN
        EXECUTE 'INSERT INTO "_newest_orders" ("order_id", "order_status")
SELECT "order_id", "order_status"
FROM (
SELECT "_published"."order_id", "_published"."order_status",
ROW_NUMBER() OVER (PARTITION BY "_published"."order_id" ORDER BY "_published"."updated_at" DESC NULLS LAST, "_published"."_batch_id" DESC NULLS LAST) AS "_rank"
FROM "spectrum"."orders" AS "_published"
INNER JOIN "_current_orders" AS "_current" ON "_published"."order_id" = "_current"."order_id" AND "_published"."year" || "_published"."month" || "_published"."day" = "_current"."_arrived"
WHERE ' || _days || '
) AS "_ranked"
WHERE "_rank" = 1';
    END IF;
    EXECUTE 'DELETE FROM "aggregates"."daily_sales_by_category" WHERE "business_date" IN (' || _wanted || ')';
    INSERT INTO "aggregates"."daily_sales_by_category"
SELECT
    i.business_date,
    COALESCE(p.category, 'unknown') AS category,
    COUNT(*) AS order_lines,
    SUM(CAST(i.quantity AS bigint)) AS units,
    SUM(i.quantity * i.unit_price) AS revenue
FROM "_newest_facts" AS i
INNER JOIN "_newest_orders" AS o ON i.order_id = o.order_id
LEFT JOIN "_newest_products" AS p ON i.product_id = p.product_id
WHERE o.order_status IN ('placed', 'shipped', 'delivered')
GROUP BY i.business_date, COALESCE(p.category, 'unknown');
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

SELECT DISTINCT "affected_date"
FROM "sluice"."dates_order_items"
WHERE "table_schema" = 'public' AND "batch_id" IN ('orders.2026112013.00000000000000000000000000000001', 'orders.2026112013.00000000000000000000000000000002');

SELECT DISTINCT CAST("order_items"."order_date" AS date)
FROM "public"."order_items"
WHERE "order_items"."order_date" IS NOT NULL AND "order_items"."product_id" IN (
SELECT "products"."product_id" FROM "public"."products" WHERE ("products"."_batch_id" BETWEEN 'products.2026112013.' AND 'products.2026112013/')
);

SELECT DISTINCT CAST("order_items"."order_date" AS date)
FROM "public"."order_items"
WHERE "order_items"."order_date" IS NOT NULL AND "order_items"."order_id" IN (
SELECT "orders"."order_id" FROM "public"."orders" WHERE ("orders"."_batch_id" BETWEEN 'orders.2026112013.' AND 'orders.2026112013/')
);
