{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id', dist='id', sort='updated_at') }}
select id, customer, amount, updated_at from {{ ref('raw_orders') }}
{% if is_incremental() %} where updated_at >= (select max(updated_at) from {{ this }}) {% endif %}
