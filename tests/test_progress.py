"""Progress is told on terminals and in logs, and changes nothing about the work."""

import io
import logging

import pytest

from tracklight import progress
from tracklight.progress import track


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_every_item_passes_in_order():
    assert list(track("abc", what="letters", total=3)) == ["a", "b", "c"]


def test_short_work_writes_no_line(caplog):
    with caplog.at_level(logging.INFO):
        list(track(range(100), what="short work", total=100))
    assert caplog.messages == []


def test_long_work_writes_its_state_rate_and_time_left(caplog, monkeypatch):
    clock = iter([0.0, 10.0, 40.0, 45.0, 80.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with caplog.at_level(logging.INFO):
        list(track(range(4), what="training", total=8, unit="epoch"))
    assert caplog.messages == [
        "training: 2 of 8, 0.05 epoch/s, 120 s left",
        "training: 4 of 8, 0.05 epoch/s, 80 s left",
    ]


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert list(track([1, 2], what="scan", total=2)) == [1, 2]
    assert "scan" in terminal.getvalue()


def test_a_fault_inside_the_work_is_not_hidden():
    def work():
        yield 1
        raise ZeroDivisionError("in the work")

    with pytest.raises(ZeroDivisionError, match="in the work"):
        list(track(work(), what="work", total=2))
