CREATE TABLE IF NOT EXISTS "2025em1100903_orders" (
    order_id SERIAL PRIMARY KEY,
    customer_name VARCHAR(255),
    restaurant_name VARCHAR(255),
    item VARCHAR(255),
    amount NUMERIC,
    order_status VARCHAR(50) CHECK (order_status IN ('PLACED', 'PREPARING', 'DELIVERED', 'CANCELLED')),
    created_at TIMESTAMP DEFAULT NOW()
);
