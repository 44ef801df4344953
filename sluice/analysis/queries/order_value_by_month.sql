-- Order value by month
-- What is an order worth on average, and how large is the largest, month by month?
SELECT
    CAST(EXTRACT(YEAR FROM o.order_date) AS integer) AS order_year,
    CAST(EXTRACT(MONTH FROM o.order_date) AS integer) AS order_month,
    COUNT(*) AS orders,
    CAST(ROUND(CAST(SUM(o.total_amount) AS double precision) / COUNT(*), 2) AS decimal(18, 2)) AS average_amount,
    MAX(o.total_amount) AS largest_amount
FROM {{orders}} AS o
WHERE o.order_status <> 'cancelled'
GROUP BY EXTRACT(YEAR FROM o.order_date), EXTRACT(MONTH FROM o.order_date)
ORDER BY order_year, order_month
