"""Test orders are a student's own, and the same every time."""

from __future__ import annotations

from decimal import Decimal

from configs.contract import ORDER_STATUSES
from scripts.rounds.insert_test_orders import make_test_orders


def test_the_same_roll_number_and_label_give_the_same_orders() -> None:
    assert make_test_orders("2025em01", "round1", 5) == make_test_orders("2025em01", "round1", 5)


def test_another_roll_number_or_label_gives_others() -> None:
    orders = make_test_orders("2025em01", "round1", 5)
    assert orders != make_test_orders("2025em02", "round1", 5)
    assert orders != make_test_orders("2025em01", "round2", 5)


def test_every_order_is_a_clean_one() -> None:
    for order in make_test_orders("2025em01", "many", 300):
        assert order.order_status in ORDER_STATUSES
        assert order.amount > 0
        assert order.amount == order.amount.quantize(Decimal("0.01"))
