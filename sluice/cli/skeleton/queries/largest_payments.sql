-- Largest payments
-- Which ten payments were the largest, and how were they made?
SELECT p.payment_id, p.amount, COALESCE(p.method, 'unknown') AS method, p.paid_on
FROM {{payments}} AS p
ORDER BY p.amount DESC, p.payment_id
LIMIT 10
