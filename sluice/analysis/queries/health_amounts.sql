-- Health: amounts
-- Which orders have amounts that cannot be: a discount above one, more tax than the order is worth, shipped before
-- they were placed? The ten largest.
SELECT
    o.order_id,
    o.order_date,
    o.ship_date,
    o.total_amount,
    o.discount,
    o.tax
FROM {{orders}} AS o
WHERE o.discount > 1 OR o.tax > o.total_amount OR o.ship_date < o.order_date OR o.total_amount = 0
ORDER BY o.total_amount DESC, o.order_id
LIMIT 10
