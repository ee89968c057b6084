"""Which job comes next."""

from tests.batch.toys import job
from tsattn.batch.backlog import Backlog

BIG = [job(str(k), model="big") for k in range(6)]
SMALL = [job(str(k), model="small") for k in range(2)]
big, small = BIG[0].fingerprint, SMALL[0].fingerprint


def test_a_worker_keeps_its_model_while_it_has_jobs():
    backlog = Backlog([*BIG, *SMALL])
    assert [backlog.take(small).model for _ in range(4)] == ["small", "small", "big", "big"]


def test_a_free_worker_goes_to_the_model_with_most_jobs_for_each_of_its_workers():
    assert Backlog([*BIG, *SMALL]).take(None).model == "big"
    assert Backlog([*BIG, *SMALL]).take(None, [big]).model == "big", "3 for each of two is more than 2 for one"
    assert Backlog([*BIG, *SMALL]).take(None, [big, big, big]).model == "small"


def test_jobs_come_in_order_and_each_once():
    backlog = Backlog(BIG)
    assert [backlog.take(big) for _ in BIG] == BIG
    assert backlog.take(big) is None
    assert len(backlog) == 0


def test_what_is_put_back_comes_next():
    backlog = Backlog(BIG)
    first = backlog.take(big)
    backlog.put_back(first)
    assert len(backlog) == 6
    assert backlog.take(big) == first


def test_a_worker_gets_no_job_of_a_model_that_is_closed_to_it():
    backlog = Backlog([*BIG, *SMALL])
    assert [backlog.take(None, closed=[big]) for _ in range(3)] == [*SMALL, None]
    assert backlog.take(None, closed=[big, small]) is None
    assert len(backlog) == 6


def test_jobs_of_a_dropped_model_wait_no_more():
    backlog = Backlog([*BIG, *SMALL])
    assert (backlog.drop(big), backlog.drop(big)) == (BIG, [])
    assert [backlog.take(big) for _ in range(3)] == [*SMALL, None]
