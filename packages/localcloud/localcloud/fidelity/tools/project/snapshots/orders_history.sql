{% snapshot orders_history %}
{{ config(target_schema='shop', unique_key='id', strategy='timestamp', updated_at='updated_at') }}
select * from {{ ref('raw_orders') }}
{% endsnapshot %}
