-- One order, later than every order in the table. insert_test_orders.py fills in the table and the values.
INSERT INTO {table} (customer_name, restaurant_name, item, amount, order_status, created_at)
SELECT %(customer_name)s, %(restaurant_name)s, %(item)s, %(amount)s, %(order_status)s,
       greatest(clock_timestamp() AT TIME ZONE 'UTC', max(created_at) + interval '1 millisecond')
FROM {table}
RETURNING order_id, customer_name, restaurant_name, item, amount::text, order_status, created_at;
