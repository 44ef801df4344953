-- What was sold per day and product category.
--
-- facts: order_items (quantity, unit_price)
-- dimension: products on product_id (category)
-- dimension: orders on order_id (order_status)

-- name: table
-- category: the product's category as it is now; 'unknown' for a product that nobody has sent yet.
-- order_lines: the lines of orders that are placed, shipped or delivered; lines of cancelled and returned orders, and of
-- orders that are not known, are not sold, and a category without any has no row. units: the sum of their quantities.
-- revenue: the sum of quantity times unit price, before what the order takes off as its discount, and before tax.
CREATE TABLE IF NOT EXISTS {{aggregate}} (
    business_date date NOT NULL,
    category varchar(64) NOT NULL,
    order_lines bigint NOT NULL,
    units bigint NOT NULL,
    revenue decimal(38,2) NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (business_date, category);

-- name: rows
SELECT
    i.business_date,
    COALESCE(p.category, 'unknown') AS category,
    COUNT(*) AS order_lines,
    SUM(CAST(i.quantity AS bigint)) AS units,
    SUM(i.quantity * i.unit_price) AS revenue
FROM {{facts}} AS i
INNER JOIN {{orders}} AS o ON i.order_id = o.order_id
LEFT JOIN {{products}} AS p ON i.product_id = p.product_id
WHERE o.order_status IN ('placed', 'shipped', 'delivered')
GROUP BY i.business_date, COALESCE(p.category, 'unknown');
