-- Payment methods
-- How do customers pay, and how much of the price do discounts take?
SELECT
    COALESCE(t.payment_method, 'unknown') AS payment_method,
    COUNT(*) AS transactions,
    SUM(t.quantity * t.unit_price) AS before_discount,
    SUM(t.quantity * t.unit_price * t.discount_percent * 0.01) AS discount
FROM {{transactions}} AS t
GROUP BY COALESCE(t.payment_method, 'unknown')
ORDER BY payment_method
