{{ config(materialized='view', bind=False) }}
select customer, total from {{ ref('totals') }} where total > 10
