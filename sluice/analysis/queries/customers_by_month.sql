-- New customers by month
-- How many customers registered in each month, and in how many countries?
SELECT
    CAST(EXTRACT(YEAR FROM c.registration_date) AS integer) AS registration_year,
    CAST(EXTRACT(MONTH FROM c.registration_date) AS integer) AS registration_month,
    COUNT(*) AS customers,
    COUNT(DISTINCT c.country) AS countries
FROM {{customers}} AS c
GROUP BY EXTRACT(YEAR FROM c.registration_date), EXTRACT(MONTH FROM c.registration_date)
ORDER BY registration_year, registration_month
