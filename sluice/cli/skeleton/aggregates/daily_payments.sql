-- Payments and their sum per day and method. Refreshed after each load, for the days that it changed.
--
-- facts: payments (amount, method)

-- name: table
CREATE TABLE IF NOT EXISTS {{aggregate}} (
    business_date date NOT NULL,
    method varchar(16) NOT NULL,
    payments bigint NOT NULL,
    amount decimal(38,2) NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (business_date);

-- name: rows
SELECT
    p.business_date,
    COALESCE(p.method, 'unknown') AS method,
    COUNT(*) AS payments,
    SUM(p.amount) AS amount
FROM {{facts}} AS p
GROUP BY p.business_date, COALESCE(p.method, 'unknown');
