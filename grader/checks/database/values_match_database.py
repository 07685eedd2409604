from grader.builder import Submission
from grader.evidence import Evidence
from grader.evidence.comparison import altered, side_by_side, source
from grader.model import Mismatch, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Parse with the types of the table, and write the parsed values. Keep UTC and six digits in every timestamp.",
)
def values_match_database(evidence: Evidence) -> None:
    """Every order in the lake has the values that Postgres has.

    Compares every column of every order that both have, and counts the differences in each column:

    - created_at: to the precision that the lake keeps.
    - amount: to the cent.
    - order_status: another of the assignment's four statuses is no difference. An order gets a new status in Postgres,
      and a cursor over created_at cannot see that. round_values_kept checks the first status of the rounds' orders.

    If all created_at differ by the same offset, only no_time_shift fails. Needs the database.
    """
    orders = source(evidence.database)
    pair = evidence.database_diff or side_by_side(orders, evidence.lake)
    found = altered(pair, evidence.lake, limit=3, shift_us=evidence.created_at_shift_us or 0, status_moves=True)
    if found:
        raise Mismatch(
            expected="every value as in Postgres",
            actual=found.summary,
            samples=found.rows,
            right=found.compared - found.orders,
            total=found.compared,
        )


@values_match_database.fails(says="amount 1")
def amount_altered(submission: Submission) -> None:
    submission.change_in_lake(4, amount="104.60")


@values_match_database.fails(says="customer_name 1")
def name_lost(submission: Submission) -> None:
    submission.change_in_lake(4, customer_name=None)


@values_match_database.fails(says="order_status 1")
def status_in_lower_case(submission: Submission) -> None:
    submission.change_in_lake(4, order_status="placed")


@values_match_database.fails(says="order_status 1")
def status_dropped(submission: Submission) -> None:
    submission.change_in_lake(4, order_status=None)


@values_match_database.passes
def orders_that_moved_on_in_postgres_after_delivery(submission: Submission) -> None:
    for rows in submission.inserts[:1]:
        rows[:] = [row.model_copy(update={"order_status": "DELIVERED"}) for row in rows]


@values_match_database.fails(says="restaurant_name 10")
def restaurant_truncated(submission: Submission) -> None:
    for order_id in range(1, 11):
        submission.change_in_lake(order_id, restaurant_name="Restaurant")


@values_match_database.fails(says="customer_name 1, item 1")
def columns_swapped(submission: Submission) -> None:
    submission.change_in_lake(4, customer_name="Dish 4", item="Customer 4")


@values_match_database.fails(says="customer_name 1")
def text_in_the_wrong_encoding(submission: Submission) -> None:
    submission.change(4, customer_name="José")
    submission.change_in_lake(4, customer_name="JosÃ©")


@values_match_database.fails(says="amount 1")
def cents_cut_off(submission: Submission) -> None:
    submission.change_in_lake(4, amount="104.00")


@values_match_database.fails(says="created_at 1")
def times_cut_to_seconds_in_one_row(submission: Submission) -> None:
    submission.change_in_lake(4, created_at="2025-11-18T12:28:00.000000Z")


@values_match_database.fails(says="created_at 1")
def one_row_an_hour_late(submission: Submission) -> None:
    submission.change_in_lake(4, created_at="2025-11-18T13:28:00.123456Z")


@values_match_database.passes(advice=("keeps_microseconds",))
def lake_keeps_milliseconds(submission: Submission) -> None:
    submission.types["created_at"] = "ms"


@values_match_database.passes
def amounts_of_more_than_two_places(submission: Submission) -> None:
    submission.change(4, amount="104.5000")


@values_match_database.passes
def text_with_quotes_and_other_scripts(submission: Submission) -> None:
    submission.change(4, customer_name='José "Pepe" O\'Neil', item="पनीर, 50% off\n{}")
