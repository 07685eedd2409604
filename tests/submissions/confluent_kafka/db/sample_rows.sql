INSERT INTO "2025em1100903_orders" (customer_name, restaurant_name, item, amount, order_status, created_at) VALUES
('Anita', 'Saffron', 'Dal Makhani', 320.50, 'PLACED', '2025-11-18 10:00:00'),
('Bharat', 'Saffron', 'Naan', 45.00, 'PREPARING', '2025-11-18 10:01:00'),
('Chandra', 'Green Leaf', 'Salad', 180.25, 'DELIVERED', '2025-11-18 10:02:00'),
('Deepa', 'Green Leaf', 'Soup', 140.00, 'CANCELLED', '2025-11-18 10:03:00'),
('Ekta', 'Noodle Bar', 'Ramen', 410.75, 'PLACED', '2025-11-18 10:04:00'),
('Feroz', 'Noodle Bar', 'Gyoza', 220.00, 'PREPARING', '2025-11-18 10:05:00'),
('Gita', 'Tandoor', 'Roti', 30.00, 'DELIVERED', '2025-11-18 10:06:00'),
('Hari', 'Tandoor', 'Paneer Tikka', 280.00, 'PLACED', '2025-11-18 10:07:00'),
('Indu', 'Saffron', 'Biryani', 350.00, 'PLACED', '2025-11-18 10:08:00'),
('Jay', 'Green Leaf', 'Juice', 90.00, 'DELIVERED', '2025-11-18 10:09:00'),
('Kiran', 'Noodle Bar', 'Udon', 390.00, 'PREPARING', '2025-11-19 09:00:00'),
('Lata', 'Tandoor', 'Lassi', 80.00, 'PLACED', '2025-11-19 09:01:00');
