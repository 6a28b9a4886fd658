"""Ctrl-C is heeded where nothing is cut in half."""

import signal

import pytest

from msann_sweep.sweep.interrupts import Interrupts


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_waits_for_the_check(how: signal.Signals) -> None:
    with Interrupts() as interrupts:
        interrupts.check()
        signal.raise_signal(how)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()


def test_the_second_signal_interrupts_at_once() -> None:
    with Interrupts():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_handlers_before_are_restored() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Interrupts():
        raise KeyboardInterrupt
    assert signal.getsignal(signal.SIGINT) is before
