-- Test orders, each later than every order in the table. The rounds insert with this file, one order at a time. psql
-- inserts five:
--
--     psql -f scripts/insert_test_orders.sql
--     psql -v table=2025em1100999_orders -v rows=1 -v amount=-5 -f scripts/insert_test_orders.sql
--
-- Each value below is a default: -v name=value replaces it. Times are UTC.
\set ON_ERROR_STOP on
\if :{?table}
\else
    \set table 2025em1100471_orders
\endif
\if :{?rows}
\else
    \set rows 5
\endif
\if :{?customer_name}
\else
    \set customer_name 'Asha Rao'
\endif
\if :{?restaurant_name}
\else
    \set restaurant_name 'Dosa Corner'
\endif
\if :{?item}
\else
    \set item 'Rava Dosa'
\endif
\if :{?amount}
\else
    \set amount 120.00
\endif
\if :{?order_status}
\else
    \set order_status PLACED
\endif

INSERT INTO :"table" (customer_name, restaurant_name, item, amount, order_status, created_at)
SELECT :'customer_name', :'restaurant_name', :'item', :'amount', :'order_status',
       greatest(clock_timestamp() AT TIME ZONE 'UTC', newest + interval '1 millisecond')
           + (number - 1) * interval '1 millisecond'
FROM (SELECT max(created_at) AS newest FROM :"table" WHERE created_at < 'infinity') AS before,
     generate_series(1, :'rows'::int) AS number
RETURNING order_id, customer_name, restaurant_name, item, amount::text, order_status, created_at;
