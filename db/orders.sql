-- The orders table with its base rows. `make db` runs this file for the table that the config names. So does psql:
--
--     psql -f db/orders.sql                                   the table below
--     psql -v table=2025em1100999_orders -f db/orders.sql     a table of another name
--
-- A second run changes nothing. Times are UTC.
\set ON_ERROR_STOP on
\if :{?table}
\else
    \set table 2025em1100471_orders
\endif
\set index :table _created_at

CREATE TABLE IF NOT EXISTS :"table" (
    order_id        SERIAL PRIMARY KEY,
    customer_name   VARCHAR(255) NOT NULL,
    restaurant_name VARCHAR(255) NOT NULL,
    item            VARCHAR(255) NOT NULL,
    amount          NUMERIC(10, 2) NOT NULL,
    order_status    VARCHAR(50) NOT NULL CHECK (order_status IN ('PLACED', 'PREPARING', 'DELIVERED', 'CANCELLED')),
    created_at      TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);

-- Every poll of the producer reads the rows after a created_at. This index makes that fast.
CREATE INDEX IF NOT EXISTS :"index" ON :"table" (created_at);

INSERT INTO :"table" (customer_name, restaurant_name, item, amount, order_status, created_at)
SELECT * FROM (VALUES
    ('Aarav Sharma',   'Spice Route',     'Paneer Butter Masala', 280.00, 'DELIVERED', TIMESTAMP '2025-11-18 10:05:12.104233'),
    ('Diya Patel',     'Dosa Corner',     'Masala Dosa',          120.00, 'DELIVERED', TIMESTAMP '2025-11-18 10:17:45.880017'),
    ('Kabir Singh',    'Biryani House',   'Chicken Biryani',      320.50, 'DELIVERED', TIMESTAMP '2025-11-18 11:02:03.000001'),
    ('Ananya Iyer',    'Burger Junction', 'Veg Burger',           149.99, 'CANCELLED', TIMESTAMP '2025-11-18 11:40:27.351900'),
    ('Vihaan Gupta',   'Pizza Studio',    'Margherita Pizza',     399.00, 'DELIVERED', TIMESTAMP '2025-11-18 12:24:00.000000'),
    ('Meera Nair',     'Curry Leaf',      'Fish Curry',           345.75, 'DELIVERED', TIMESTAMP '2025-11-18 19:30:55.667788'),
    ('Rohan Das',      'Wok Express',     'Hakka Noodles',        180.00, 'PREPARING', TIMESTAMP '2025-11-18 23:59:59.999999'),
    ('Ishita Bose',    'Sweet Tooth',     'Gulab Jamun',           90.00, 'DELIVERED', TIMESTAMP '2025-11-19 00:00:00.000000'),
    ('Arjun Reddy',    'Tandoor Nights',  'Butter Naan',            0.00, 'PLACED',    TIMESTAMP '2025-11-19 08:15:30.250000'),
    ('Sara Khan',      'Green Bowl',      'Caesar Salad',         210.25, 'PLACED',    TIMESTAMP '2025-11-19 09:45:00.123456')
) AS base_rows (customer_name, restaurant_name, item, amount, order_status, created_at)
WHERE NOT EXISTS (SELECT 1 FROM :"table");
