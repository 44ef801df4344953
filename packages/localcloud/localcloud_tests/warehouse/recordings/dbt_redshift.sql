-- What dbt-redshift 1.11 sends for a project with a seed, two incremental models, a snapshot, views and tests,
-- built, and built again after the seed has changed. Statements are parted by lines `-- ;;`.
select distinct nspname from pg_namespace
-- ;;
create schema if not exists "shop"
-- ;;
select
  table_catalog as database,
  table_name as name,
  table_schema as schema,
  'table' as type
  from information_schema.tables
  where table_schema ilike 'shop'
  and table_type = 'BASE TABLE'
  union all
  select
  table_catalog as database,
  table_name as name,
  table_schema as schema,
  case
  when view_definition ilike '%create materialized view%'
  then 'materialized_view'
  else 'view'
  end as type
  from information_schema.views
  where table_schema ilike 'shop'
  union all
  select distinct
  'warehouse' as database,
  proname as name,
  ns.nspname as schema,
  'function' as type
  from pg_proc
  join pg_namespace as ns on pronamespace = ns.oid
  where ns.nspname ilike 'shop'
-- ;;
with
  relation as (
  select
  pg_class.oid as relation_id,
  pg_class.relname as relation_name,
  pg_class.relnamespace as schema_id,
  pg_namespace.nspname as schema_name,
  pg_class.relkind as relation_type
  from pg_class
  join pg_namespace
  on pg_class.relnamespace = pg_namespace.oid
  where pg_namespace.nspname != 'information_schema'
  and pg_namespace.nspname not like 'pg\_%'
  ),
  dependency as (
  select distinct
  coalesce(pg_rewrite.ev_class, pg_depend.objid) as dep_relation_id,
  pg_depend.refobjid as ref_relation_id,
  pg_depend.refclassid as ref_class_id
  from pg_depend
  left join pg_rewrite
  on pg_depend.objid = pg_rewrite.oid
  where coalesce(pg_rewrite.ev_class, pg_depend.objid) != pg_depend.refobjid
  )
select distinct
  dep.schema_name as dependent_schema,
  dep.relation_name as dependent_name,
  ref.schema_name as referenced_schema,
  ref.relation_name as referenced_name
from dependency
join relation ref
  on dependency.ref_relation_id = ref.relation_id
join relation dep
  on dependency.dep_relation_id = dep.relation_id
-- ;;
create table "warehouse"."shop"."raw_orders" ("id" integer,"customer" varchar(3),"amount" float8,"updated_at" timestamp without time zone)
-- ;;
insert into "warehouse"."shop"."raw_orders" ("id", "customer", "amount", "updated_at") values (1,'ann',10.50,'2026-11-20 10:00:00'), (2,'bob',20.00,'2026-11-20 11:00:00'), (3,'ann',5.25,'2026-11-20 12:00:00')
-- ;;
create  table
  "warehouse"."shop"."appended"
  as (
select id, customer from "warehouse"."shop"."raw_orders"
  );
-- ;;
create  table
  "warehouse"."shop"."orders"
  diststyle key distkey (id)
  compound sortkey(updated_at)
  as (
select id, customer, amount, updated_at from "warehouse"."shop"."raw_orders"
  );
-- ;;
select * from (
  select *,
  md5(coalesce(cast(id as varchar ), '')
  || '|' || coalesce(cast(updated_at as varchar ), '')
  ) as dbt_scd_id,
  updated_at as dbt_updated_at,
  updated_at as dbt_valid_from,
  coalesce(nullif(updated_at, updated_at), null)
  as dbt_valid_to
from (
select * from "warehouse"."shop"."raw_orders"
  ) sbq
  ) as __dbt_sbq
  where false
  limit 0
-- ;;
select * from (
  select getdate()::timestamp as dbt_snapshot_time
  ) as __dbt_sbq
  where false
  limit 0
-- ;;
create  table
  "warehouse"."shop"."orders_history"
  as (
  select *,
  md5(coalesce(cast(id as varchar ), '')
  || '|' || coalesce(cast(updated_at as varchar ), '')
  ) as dbt_scd_id,
  updated_at as dbt_updated_at,
  updated_at as dbt_valid_from,
  coalesce(nullif(updated_at, updated_at), null)
  as dbt_valid_to
from (
select * from "warehouse"."shop"."raw_orders"
  ) sbq
  );
-- ;;
select
  count(*) as failures,
  count(*) != 0 as should_warn,
  count(*) != 0 as should_error
  from (
with all_values as (
  select
  customer as value_field,
  count(*) as n_records
  from "warehouse"."shop"."orders"
  group by customer
)
select *
from all_values
where value_field not in (
  'ann','bob'
)
  ) dbt_internal_test
-- ;;
select
  count(*) as failures,
  count(*) != 0 as should_warn,
  count(*) != 0 as should_error
  from (
select id
from "warehouse"."shop"."orders"
where id is null
  ) dbt_internal_test
-- ;;
select
  count(*) as failures,
  count(*) != 0 as should_warn,
  count(*) != 0 as should_error
  from (
select
  id as unique_field,
  count(*) as n_records
from "warehouse"."shop"."orders"
where id is not null
group by id
having count(*) > 1
  ) dbt_internal_test
-- ;;
create view "warehouse"."shop"."totals__dbt_tmp" as (
select customer, sum(amount) as total, count(*) as orders from "warehouse"."shop"."orders" group by customer
  ) ;
-- ;;
alter table "warehouse"."shop"."totals__dbt_tmp" rename to "totals"
-- ;;
drop view if exists "warehouse"."shop"."totals__dbt_backup" cascade
-- ;;
select
  count(*) as failures,
  count(*) != 0 as should_warn,
  count(*) != 0 as should_error
  from (
with child as (
  select customer as from_field
  from "warehouse"."shop"."totals"
  where customer is not null
),
parent as (
  select customer as to_field
  from "warehouse"."shop"."orders"
)
select
  from_field
from child
left join parent
  on child.from_field = parent.to_field
where parent.to_field is null
  ) dbt_internal_test
-- ;;
create view "warehouse"."shop"."late__dbt_tmp" as (
select customer, total from "warehouse"."shop"."totals" where total > 10
  ) with no schema binding;
-- ;;
alter table "warehouse"."shop"."late__dbt_tmp" rename to "late"
-- ;;
drop view if exists "warehouse"."shop"."late__dbt_backup" cascade
-- ;;
truncate table "warehouse"."shop"."raw_orders"
-- ;;
insert into "warehouse"."shop"."raw_orders" ("id", "customer", "amount", "updated_at") values (1,'ann',11.50,'2026-11-20 13:00:00'), (2,'bob',20.00,'2026-11-20 11:00:00'), (3,'ann',5.25,'2026-11-20 12:00:00'), (4,'bob',1.00,'2026-11-20 14:00:00')
-- ;;
create temporary table
  "appended__dbt_tmp1"
  as (
select id, customer from "warehouse"."shop"."raw_orders"
  );
-- ;;
with bound_views as (
  select
  ordinal_position,
  table_schema,
  column_name,
  data_type,
  character_maximum_length,
  numeric_precision,
  numeric_scale
  from information_schema."columns"
  where table_name = 'appended__dbt_tmp1'
  ),
  unbound_views as (
  select
  ordinal_position,
  view_schema,
  col_name,
  case
  when col_type ilike 'character varying%' then
  'character varying'
  when col_type ilike 'numeric%' then 'numeric'
  else col_type
  end as col_type,
  case
  when col_type like 'character%'
  then nullif(REGEXP_SUBSTR(col_type, '[0-9]+'), '')::int
  else null
  end as character_maximum_length,
  case
  when col_type like 'numeric%'
  then nullif(
  SPLIT_PART(REGEXP_SUBSTR(col_type, '[0-9,]+'), ',', 1),
  '')::int
  else null
  end as numeric_precision,
  case
  when col_type like 'numeric%'
  then nullif(
  SPLIT_PART(REGEXP_SUBSTR(col_type, '[0-9,]+'), ',', 2),
  '')::int
  else null
  end as numeric_scale
  from pg_get_late_binding_view_cols()
  cols(view_schema name, view_name name, col_name name,
  col_type varchar, ordinal_position int)
  where view_name = 'appended__dbt_tmp1'
  ),
  external_views as (
  select
  columnnum,
  schemaname,
  columnname,
  case
  when external_type ilike 'character varying%' or external_type ilike 'varchar%'
  then 'character varying'
  when external_type ilike 'numeric%' then 'numeric'
  else external_type
  end as external_type,
  case
  when external_type like 'character%' or external_type like 'varchar%'
  then nullif(
  REGEXP_SUBSTR(external_type, '[0-9]+'),
  '')::int
  else null
  end as character_maximum_length,
  case
  when external_type like 'numeric%'
  then nullif(
  SPLIT_PART(REGEXP_SUBSTR(external_type, '[0-9,]+'), ',', 1),
  '')::int
  else null
  end as numeric_precision,
  case
  when external_type like 'numeric%'
  then nullif(
  SPLIT_PART(REGEXP_SUBSTR(external_type, '[0-9,]+'), ',', 2),
  '')::int
  else null
  end as numeric_scale
  from
  pg_catalog.svv_external_columns
  where
  schemaname = 'None'
  and tablename = 'appended__dbt_tmp1'
  ),
  unioned as (
  select * from bound_views
  union all
  select * from unbound_views
  union all
  select * from external_views
  )
  select
  column_name,
  data_type,
  character_maximum_length,
  numeric_precision,
  numeric_scale
  from unioned
  order by ordinal_position
-- ;;
delete from "warehouse"."shop"."appended"
  where (id) in (
  select distinct id
  from "appended__dbt_tmp1" as DBT_INTERNAL_SOURCE
  )
  ;
-- ;;
insert into "warehouse"."shop"."appended" ("id", "customer")
  (
  select "id", "customer"
  from "appended__dbt_tmp1"
  )
-- ;;
create temporary table
  "orders__dbt_tmp1"
  diststyle key distkey (id)
  compound sortkey(updated_at)
  as (
select id, customer, amount, updated_at from "warehouse"."shop"."raw_orders"
 where updated_at >= (select max(updated_at) from "warehouse"."shop"."orders")
  );
-- ;;
-- back compat for old kwarg name
  merge into "warehouse"."shop"."orders"
  using "orders__dbt_tmp1" as DBT_INTERNAL_SOURCE
  on (
  DBT_INTERNAL_SOURCE.id = "warehouse"."shop"."orders".id
  )
  when matched then update set
  "id" = DBT_INTERNAL_SOURCE."id",
  "customer" = DBT_INTERNAL_SOURCE."customer",
  "amount" = DBT_INTERNAL_SOURCE."amount",
  "updated_at" = DBT_INTERNAL_SOURCE."updated_at"
  when not matched then insert (
  "id",
  "customer",
  "amount",
  "updated_at"
  )
  values (
  DBT_INTERNAL_SOURCE."id",
  DBT_INTERNAL_SOURCE."customer",
  DBT_INTERNAL_SOURCE."amount",
  DBT_INTERNAL_SOURCE."updated_at"
  )
-- ;;
create temporary table
  "orders_history__dbt_tmp1"
  as (
  with snapshot_query as (
select * from "warehouse"."shop"."raw_orders"
  ),
  snapshotted_data as (
  select *,
  id as dbt_unique_key
  from "warehouse"."shop"."orders_history"
  where
  dbt_valid_to is null
  ),
  insertions_source_data as (
  select *,
  id as dbt_unique_key
,
  updated_at as dbt_updated_at,
  updated_at as dbt_valid_from,
  coalesce(nullif(updated_at, updated_at), null)
  as dbt_valid_to
,
  md5(coalesce(cast(id as varchar ), '')
  || '|' || coalesce(cast(updated_at as varchar ), '')
  ) as dbt_scd_id
  from snapshot_query
  ),
  updates_source_data as (
  select *,
  id as dbt_unique_key
,
  updated_at as dbt_updated_at,
  updated_at as dbt_valid_from,
  updated_at as dbt_valid_to
  from snapshot_query
  ),
  insertions as (
  select
  'insert' as dbt_change_type,
  source_data.*
  from insertions_source_data as source_data
  left outer join snapshotted_data
  on
  snapshotted_data.dbt_unique_key = source_data.dbt_unique_key
  where
  snapshotted_data.dbt_unique_key is null
  or (
  snapshotted_data.dbt_unique_key is not null
 and (
  (snapshotted_data.dbt_valid_from < source_data.updated_at)
  )
  )
  ),
  updates as (
  select
  'update' as dbt_change_type,
  source_data.*,
  snapshotted_data.dbt_scd_id
  from updates_source_data as source_data
  join snapshotted_data
  on
  snapshotted_data.dbt_unique_key = source_data.dbt_unique_key
  where (
  (snapshotted_data.dbt_valid_from < source_data.updated_at)
  )
  )
  select * from insertions
  union all
  select * from updates
  );
-- ;;
select * from (
  with snapshot_query as (
select * from "warehouse"."shop"."raw_orders"
  ),
  snapshotted_data as (
  select *,
  id as dbt_unique_key
  from "warehouse"."shop"."orders_history"
  where
  dbt_valid_to is null
  ),
  insertions_source_data as (
  select *,
  id as dbt_unique_key
,
  updated_at as dbt_updated_at,
  updated_at as dbt_valid_from,
  coalesce(nullif(updated_at, updated_at), null)
  as dbt_valid_to
,
  md5(coalesce(cast(id as varchar ), '')
  || '|' || coalesce(cast(updated_at as varchar ), '')
  ) as dbt_scd_id
  from snapshot_query
  ),
  updates_source_data as (
  select *,
  id as dbt_unique_key
,
  updated_at as dbt_updated_at,
  updated_at as dbt_valid_from,
  updated_at as dbt_valid_to
  from snapshot_query
  ),
  insertions as (
  select
  'insert' as dbt_change_type,
  source_data.*
  from insertions_source_data as source_data
  left outer join snapshotted_data
  on
  snapshotted_data.dbt_unique_key = source_data.dbt_unique_key
  where
  snapshotted_data.dbt_unique_key is null
  or (
  snapshotted_data.dbt_unique_key is not null
 and (
  (snapshotted_data.dbt_valid_from < source_data.updated_at)
  )
  )
  ),
  updates as (
  select
  'update' as dbt_change_type,
  source_data.*,
  snapshotted_data.dbt_scd_id
  from updates_source_data as source_data
  join snapshotted_data
  on
  snapshotted_data.dbt_unique_key = source_data.dbt_unique_key
  where (
  (snapshotted_data.dbt_valid_from < source_data.updated_at)
  )
  )
  select * from insertions
  union all
  select * from updates
  ) as __dbt_sbq
  where false
  limit 0
-- ;;
select * from (
  select getdate()::timestamp as dbt_snapshot_time
  ) as __dbt_sbq
  where false
  limit 0
-- ;;
update "warehouse"."shop"."orders_history"
  set dbt_valid_to = DBT_INTERNAL_SOURCE.dbt_valid_to
  from "orders_history__dbt_tmp1" as DBT_INTERNAL_SOURCE
  where DBT_INTERNAL_SOURCE.dbt_scd_id::text = "warehouse"."shop"."orders_history".dbt_scd_id::text
  and DBT_INTERNAL_SOURCE.dbt_change_type::text in ('update'::text, 'delete'::text)
  and "warehouse"."shop"."orders_history".dbt_valid_to is null;
-- ;;
insert into "warehouse"."shop"."orders_history" ("id", "customer", "amount", "updated_at", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to", "dbt_scd_id")
  select DBT_INTERNAL_SOURCE."id",DBT_INTERNAL_SOURCE."customer",DBT_INTERNAL_SOURCE."amount",DBT_INTERNAL_SOURCE."updated_at",DBT_INTERNAL_SOURCE."dbt_updated_at",DBT_INTERNAL_SOURCE."dbt_valid_from",DBT_INTERNAL_SOURCE."dbt_valid_to",DBT_INTERNAL_SOURCE."dbt_scd_id"
  from "orders_history__dbt_tmp1" as DBT_INTERNAL_SOURCE
  where DBT_INTERNAL_SOURCE.dbt_change_type::text = 'insert'::text;
-- ;;
create view "warehouse"."shop"."totals__dbt_tmp" as (
select customer, sum(amount) as total, count(*) as orders from "warehouse"."shop"."orders" group by customer
  ) ;
-- ;;
alter table "warehouse"."shop"."totals" rename to "totals__dbt_backup"
-- ;;
alter table "warehouse"."shop"."totals__dbt_tmp" rename to "totals"
-- ;;
drop view if exists "warehouse"."shop"."totals__dbt_backup" cascade
-- ;;
create view "warehouse"."shop"."late__dbt_tmp" as (
select customer, total from "warehouse"."shop"."totals" where total > 10
  ) with no schema binding;
-- ;;
alter table "warehouse"."shop"."late" rename to "late__dbt_backup"
-- ;;
alter table "warehouse"."shop"."late__dbt_tmp" rename to "late"
-- ;;
drop view if exists "warehouse"."shop"."late__dbt_backup" cascade
