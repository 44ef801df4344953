CREATE TABLE IF NOT EXISTS "aggregates"."daily_sales_by_segment" (
    business_date date NOT NULL,
    customer_segment varchar(16) NOT NULL,
    orders bigint NOT NULL,
    revenue decimal(38,2) NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (business_date, customer_segment);

CREATE TABLE IF NOT EXISTS "sluice"."guard_daily_sales_by_segment" (nothing boolean);

CREATE OR REPLACE PROCEDURE "aggregates"."refresh_daily_sales_by_segment"(_dates varchar(65535))
AS $$
DECLARE
    _entry varchar(65535);
    _wanted varchar(65535) := '';
    _days varchar(65535);
BEGIN
    LOCK "sluice"."guard_daily_sales_by_segment";
    IF _dates IS NULL OR TRIM(_dates) = '' THEN
        RETURN;
    END IF;
    FOR _place IN 1 .. REGEXP_COUNT(_dates, ',') + 1 LOOP
        _entry := TRIM(SPLIT_PART(_dates, ',', _place));
        IF _entry !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
            RAISE EXCEPTION 'daily_sales_by_segment: "%" is not a valid date: write dates as 2026-11-20,2026-11-21', _entry;
        END IF;
        IF _place > 1 THEN
            _wanted := _wanted || ', ';
        END IF;
        _wanted := _wanted || 'DATE ''' || _entry || '''';
    END LOOP;
    DROP TABLE IF EXISTS "_current_facts";
    CREATE TEMP TABLE "_current_facts" ("order_id" varchar(20), "business_date" date, "_arrived" varchar(8));
    EXECUTE 'INSERT INTO "_current_facts" SELECT "order_id", CAST("order_date" AS date), SUBSTRING(SPLIT_PART("_batch_id", ''.'', 2), 1, 8) FROM "public"."orders" WHERE CAST("order_date" AS date) IN (' || _wanted || ')';
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
    CREATE TEMP TABLE "_newest_facts" ("business_date" date, "total_amount" decimal(12,2), "order_status" varchar(16), "customer_id" varchar(20));
    IF _days IS NOT NULL THEN
        EXECUTE 'INSERT INTO "_newest_facts" ("business_date", "total_amount", "order_status", "customer_id")
SELECT "business_date", "total_amount", "order_status", "customer_id"
FROM (
SELECT "_current"."business_date", "_published"."total_amount", "_published"."order_status", "_published"."customer_id",
ROW_NUMBER() OVER (PARTITION BY "_published"."order_id" ORDER BY "_published"."updated_at" DESC NULLS LAST, "_published"."_batch_id" DESC NULLS LAST) AS "_rank"
FROM "spectrum"."orders" AS "_published"
INNER JOIN "_current_facts" AS "_current" ON "_published"."order_id" = "_current"."order_id" AND "_published"."year" || "_published"."month" || "_published"."day" = "_current"."_arrived"
WHERE ' || _days || '
) AS "_ranked"
WHERE "_rank" = 1';
    END IF;
    DROP TABLE IF EXISTS "_current_customers";
    CREATE TEMP TABLE "_current_customers" ("customer_id" varchar(20), "_arrived" varchar(8));
    INSERT INTO "_current_customers" SELECT "customer_id", SUBSTRING(SPLIT_PART("_batch_id", '.', 2), 1, 8) FROM "public"."customers" WHERE "customer_id" IN (SELECT "customer_id" FROM "_newest_facts");
    SELECT INTO _days LISTAGG(
        '("_published"."year" = ''' || "_year" || ''' AND "_published"."month" = ''' || "_month"
        || ''' AND "_published"."day" IN (' || "_listed" || '))', ' OR '
    )
    FROM (
        SELECT "_year", "_month", LISTAGG('''' || "_day" || '''', ', ') AS "_listed"
        FROM (
            SELECT DISTINCT SUBSTRING("_arrived", 1, 4) AS "_year", SUBSTRING("_arrived", 5, 2) AS "_month",
                SUBSTRING("_arrived", 7, 2) AS "_day"
            FROM "_current_customers"
        ) AS "_each"
        GROUP BY "_year", "_month"
    ) AS "_months";
    DROP TABLE IF EXISTS "_newest_customers";
    CREATE TEMP TABLE "_newest_customers" ("customer_id" varchar(20), "customer_segment" varchar(16));
    IF _days IS NOT NULL THEN
        EXECUTE 'INSERT INTO "_newest_customers" ("customer_id", "customer_segment")
SELECT "customer_id", "customer_segment"
FROM (
SELECT "_published"."customer_id", "_published"."customer_segment",
ROW_NUMBER() OVER (PARTITION BY "_published"."customer_id" ORDER BY "_published"."updated_at" DESC NULLS LAST, "_published"."_batch_id" DESC NULLS LAST) AS "_rank"
FROM "spectrum"."customers" AS "_published"
INNER JOIN "_current_customers" AS "_current" ON "_published"."customer_id" = "_current"."customer_id" AND "_published"."year" || "_published"."month" || "_published"."day" = "_current"."_arrived"
WHERE ' || _days || '
) AS "_ranked"
WHERE "_rank" = 1';
    END IF;
    EXECUTE 'DELETE FROM "aggregates"."daily_sales_by_segment" WHERE "business_date" IN (' || _wanted || ')';
    INSERT INTO "aggregates"."daily_sales_by_segment"
SELECT
    o.business_date,
    COALESCE(c.customer_segment, 'unknown') AS customer_segment,
    COUNT(*) AS orders,
    SUM(o.total_amount) AS revenue
FROM "_newest_facts" AS o
LEFT JOIN "_newest_customers" AS c ON o.customer_id = c.customer_id
WHERE o.order_status IN ('placed', 'shipped', 'delivered')
GROUP BY o.business_date, COALESCE(c.customer_segment, 'unknown');
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

SELECT DISTINCT "affected_date"
FROM "sluice"."dates_orders"
WHERE "table_schema" = 'public' AND "batch_id" IN ('orders.2026112013.00000000000000000000000000000001', 'orders.2026112013.00000000000000000000000000000002');

SELECT DISTINCT CAST("orders"."order_date" AS date)
FROM "public"."orders"
WHERE "orders"."order_date" IS NOT NULL AND "orders"."customer_id" IN (
SELECT "customers"."customer_id" FROM "public"."customers" WHERE ("customers"."_batch_id" BETWEEN 'customers.2026112013.' AND 'customers.2026112013/')
);
