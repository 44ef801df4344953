-- The ten products of each day that brought most.
--
-- facts: order_items (quantity, unit_price)
-- dimension: products on product_id (product_name)
-- dimension: orders on order_id (order_status)

-- name: table
-- place: 1 to 10, by revenue; of products with the same revenue the one whose id sorts first comes first.
-- product_name: the name as it is now; 'unknown' for a product that nobody has sent yet.
-- units, revenue: as in daily_sales_by_category, of the lines of orders that are placed, shipped or delivered.
CREATE TABLE IF NOT EXISTS {{aggregate}} (
    business_date date NOT NULL,
    place integer NOT NULL,
    product_id varchar(20) NOT NULL,
    product_name varchar(200) NOT NULL,
    units bigint NOT NULL,
    revenue decimal(38,2) NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (business_date, place);

-- name: rows
SELECT
    ranked.business_date,
    ranked.place,
    ranked.product_id,
    COALESCE(p.product_name, 'unknown') AS product_name,
    ranked.units,
    ranked.revenue
FROM (
    SELECT
        sold.business_date,
        ROW_NUMBER() OVER (
            PARTITION BY sold.business_date ORDER BY sold.revenue DESC, sold.product_id
        ) AS place,
        sold.product_id,
        sold.units,
        sold.revenue
    FROM (
        SELECT
            i.business_date,
            i.product_id,
            SUM(CAST(i.quantity AS bigint)) AS units,
            SUM(i.quantity * i.unit_price) AS revenue
        FROM {{facts}} AS i
        INNER JOIN {{orders}} AS o ON i.order_id = o.order_id
        WHERE o.order_status IN ('placed', 'shipped', 'delivered')
        GROUP BY i.business_date, i.product_id
    ) AS sold
) AS ranked
LEFT JOIN {{products}} AS p ON ranked.product_id = p.product_id
WHERE ranked.place <= 10;
