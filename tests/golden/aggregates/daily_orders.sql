CREATE TABLE IF NOT EXISTS "aggregates"."daily_orders" (
    business_date date NOT NULL,
    orders bigint NOT NULL,
    cancelled_orders bigint NOT NULL,
    returned_orders bigint NOT NULL,
    revenue decimal(38,2) NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (business_date);

CREATE TABLE IF NOT EXISTS "sluice"."guard_daily_orders" (nothing boolean);

CREATE OR REPLACE PROCEDURE "aggregates"."refresh_daily_orders"(_dates varchar(65535))
AS $$
DECLARE
    _entry varchar(65535);
    _wanted varchar(65535) := '';
    _days varchar(65535);
BEGIN
    LOCK "sluice"."guard_daily_orders";
    IF _dates IS NULL OR TRIM(_dates) = '' THEN
        RETURN;
    END IF;
    FOR _place IN 1 .. REGEXP_COUNT(_dates, ',') + 1 LOOP
        _entry := TRIM(SPLIT_PART(_dates, ',', _place));
        IF _entry !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
            RAISE EXCEPTION 'daily_orders: "%" is not a valid date: write dates as 2026-11-20,2026-11-21', _entry;
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
    CREATE TEMP TABLE "_newest_facts" ("business_date" date, "total_amount" decimal(12,2), "order_status" varchar(16));
    IF _days IS NOT NULL THEN
        EXECUTE 'INSERT INTO "_newest_facts" ("business_date", "total_amount", "order_status")
SELECT "business_date", "total_amount", "order_status"
FROM (
SELECT "_current"."business_date", "_published"."total_amount", "_published"."order_status",
ROW_NUMBER() OVER (PARTITION BY "_published"."order_id" ORDER BY "_published"."updated_at" DESC NULLS LAST, "_published"."_batch_id" DESC NULLS LAST) AS "_rank"
FROM "spectrum"."orders" AS "_published"
INNER JOIN "_current_facts" AS "_current" ON "_published"."order_id" = "_current"."order_id" AND "_published"."year" || "_published"."month" || "_published"."day" = "_current"."_arrived"
WHERE ' || _days || '
) AS "_ranked"
WHERE "_rank" = 1';
    END IF;
    EXECUTE 'DELETE FROM "aggregates"."daily_orders" WHERE "business_date" IN (' || _wanted || ')';
    INSERT INTO "aggregates"."daily_orders"
SELECT
    o.business_date,
    COUNT(*) AS orders,
    COUNT(CASE WHEN o.order_status = 'cancelled' THEN 1 END) AS cancelled_orders,
    COUNT(CASE WHEN o.order_status = 'returned' THEN 1 END) AS returned_orders,
    SUM(CASE WHEN o.order_status IN ('placed', 'shipped', 'delivered') THEN o.total_amount ELSE 0 END) AS revenue
FROM "_newest_facts" AS o
GROUP BY o.business_date;
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

SELECT DISTINCT "affected_date"
FROM "sluice"."dates_orders"
WHERE "table_schema" = 'public' AND "batch_id" IN ('orders.2026112013.00000000000000000000000000000001', 'orders.2026112013.00000000000000000000000000000002');
