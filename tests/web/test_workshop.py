"""The queue of runs: order, cancelling, limits."""

import threading
import time

import pytest

from tests.web.conftest import until
from tsattn.errors import PlanError
from tsattn.web.messages import UNEXPECTED
from tsattn.web.workshop import MOST_WAITING, MOST_WAITING_IN_ALL, BusyError, Job, Workshop


@pytest.fixture
def gate():
    """Work that waits until it is let through, and steps while it waits."""
    opened = threading.Event()

    def work(job):
        job.enter("running")
        while not opened.wait(0.005):
            job.step("controlled")
        return "made"

    work.opened = opened
    yield work
    opened.set()


def job(work, owner="me"):
    return Job(owner, 10, ("controlled",), work)


def test_jobs_are_done_one_at_a_time_in_order(gate):
    shop, first, second = Workshop(), job(gate), job(gate, "you")
    shop.submit(first)
    shop.submit(second)
    until(lambda: first.stage == "running")
    assert (second.stage, shop.ahead(second), shop.ahead(first)) == ("waiting", 1, 0)
    gate.opened.set()
    until(lambda: second.over)
    assert [(one.stage, one.result) for one in (first, second)] == [("done", "made")] * 2


def test_a_cancelled_run_ends_with_its_step_and_the_next_one_begins(gate):
    shop, first, second = Workshop(), job(gate), job(gate)
    shop.submit(first)
    shop.submit(second)
    until(lambda: first.done.get("controlled", 0) > 2)
    shop.cancel(first)
    until(lambda: first.over and second.stage == "running")
    steps = first.done["controlled"]
    time.sleep(0.05)
    assert (first.stage, first.done["controlled"], first.result) == ("cancelled", steps, None)


def test_a_waiting_job_is_cancelled_at_once_and_never_begins(gate):
    shop, first, second = Workshop(), job(gate), job(gate)
    shop.submit(first)
    shop.submit(second)
    shop.cancel(second)
    assert second.stage == "cancelled"
    gate.opened.set()
    until(lambda: first.over)
    assert not second.done


def test_errors_end_the_job_and_not_the_workshop():
    shop = Workshop()

    def wrong(job):
        raise PlanError("no /root/secret here")

    def broken(job):
        raise ZeroDivisionError("/root/secret")

    jobs = [job(wrong), job(broken), job(lambda job: "made")]
    for one in jobs:
        shop.submit(one)
    until(lambda: jobs[-1].over)
    assert [one.stage for one in jobs] == ["failed", "failed", "done"]
    assert [one.error for one in jobs[:2]] == ["no secret here", UNEXPECTED]


def test_nobody_queues_more_than_a_few(gate):
    shop = Workshop()
    for _ in range(MOST_WAITING):
        shop.submit(job(gate))
    with pytest.raises(BusyError, match="of your runs are waiting"):
        shop.submit(job(gate))
    others = MOST_WAITING_IN_ALL - MOST_WAITING
    for k in range(others):
        shop.submit(job(gate, f"browser {k}"))
    with pytest.raises(BusyError, match="try again"):
        shop.submit(job(gate, "late"))


def test_jobs_belong_to_browsers(gate):
    shop, mine = Workshop(), job(gate)
    shop.submit(mine)
    assert shop.find("me", mine.id) is mine and shop.active("me") is mine
    assert shop.find("you", mine.id) is None and shop.active("you") is None
    assert shop.find("me", {"no": "id"}) is None
    shop.cancel(mine)
    until(lambda: mine.over)
    assert shop.active("me") is None
