"""What an outbox promises: everything is done in the end, the newest of each, and nobody waits."""

from __future__ import annotations

import threading

from msann_sweep.sweep.outbox import Outbox

PATIENCE_S = 60.0


def outbox() -> Outbox:
    """One that rests little, and for which a ValueError is final."""
    return Outbox(
        "test",
        is_final=lambda error: isinstance(error, ValueError),
        describe=str,
        pause_s=0.01,
    )


def test_everything_is_done_in_order() -> None:
    done: list[int] = []
    box = outbox()
    for number in range(100):
        box.put(number, lambda number=number: done.append(number))  # type: ignore[misc]
    assert box.close(PATIENCE_S) == 0
    assert done == list(range(100))


def test_nobody_waits_for_a_job_and_only_the_newest_of_those_waiting_is_done() -> None:
    done: list[int] = []
    begun, free = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        free.wait(PATIENCE_S)

    box = outbox()
    box.put("slow", slow)
    begun.wait(PATIENCE_S)
    for number in range(5):
        box.put("same", lambda number=number: done.append(number))  # type: ignore[misc]
    free.set()
    assert box.close(PATIENCE_S) == 0
    assert done == [4]


def test_a_job_put_while_its_forerunner_runs_is_done_too() -> None:
    done: list[str] = []
    begun, free = threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        free.wait(PATIENCE_S)
        done.append("first")

    box = outbox()
    box.put("same", first)
    begun.wait(PATIENCE_S)
    box.put("same", lambda: done.append("second"))
    free.set()
    assert box.close(PATIENCE_S) == 0
    assert done == ["first", "second"]


def test_what_fails_is_tried_until_it_succeeds_and_holds_up_nothing_for_good() -> None:
    attempts: list[str] = []
    healed = threading.Event()

    def failing() -> None:
        attempts.append("failing")
        if not healed.is_set():
            raise OSError("away")

    def other() -> None:
        attempts.append("other")
        healed.set()

    box = outbox()
    box.put("failing", failing)
    box.put("other", other)
    assert box.close(PATIENCE_S) == 0
    assert attempts.count("other") == 1
    assert (attempts[0], attempts[-1]) == ("failing", "failing")
    assert box.trouble is None


def test_what_can_never_succeed_is_dropped_and_told() -> None:
    def wrong() -> None:
        raise ValueError("no such run")

    done: list[int] = []
    box = outbox()
    box.put("wrong", wrong)
    box.put("right", lambda: done.append(1))
    assert box.close(PATIENCE_S) == 0
    assert box.refused == ["no such run"]
    assert done == [1]


def test_closing_gives_up_in_time_and_says_how_much_is_left() -> None:
    attempts = threading.Semaphore(0)

    def failing() -> None:
        attempts.release()
        raise OSError("away")

    box = outbox()
    for number in range(3):
        box.put(number, failing)
    for _ in range(2):  # the second begins once the first has been noted
        attempts.acquire()
    assert box.close(0.2) == 3
    assert box.trouble == "away"


def test_closing_does_not_wait_for_a_job_that_hangs() -> None:
    free = threading.Event()
    box = outbox()
    box.put("hanging", lambda: _wait(free))
    assert box.close(0.2) == 1
    free.set()


def _wait(event: threading.Event) -> None:
    event.wait(PATIENCE_S)


def test_closing_waits_as_long_as_something_gets_done() -> None:
    done: list[int] = []

    def step(number: int) -> None:
        threading.Event().wait(0.3)
        done.append(number)

    box = outbox()
    for number in range(12):
        box.put(number, lambda number=number: step(number))  # type: ignore[misc]
    assert box.close(3.0, longest_s=PATIENCE_S) == 0  # together they take longer than that
    assert done == list(range(12))
