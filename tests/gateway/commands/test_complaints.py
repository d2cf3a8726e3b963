"""Weeks of the same failure are a line a minute, and its end is said."""

from gateway.commands.complaints import Complaints

NS = 10**9


class Desk:
    def __init__(self):
        self.lines, self.now_ns = [], 1
        self.complaints = Complaints(self.lines.append, lambda: self.now_ns)


def test_a_kind_is_told_once_a_minute_with_how_often_it_was_not():
    desk = Desk()
    for second in range(125):
        desk.now_ns = 1 + second * NS
        desk.complaints.add(f"left for the next look: {second} commands")
    assert desk.lines == [
        "left for the next look: 0 commands",
        "left for the next look: 60 commands (and 59 times before)",
        "left for the next look: 120 commands (and 59 times before)",
    ]
    assert desk.complaints.count == 125
    assert desk.complaints.last == "left for the next look: 124 commands"
    desk.complaints.add("something else")
    assert desk.lines[-1] == "something else"


def test_its_end_is_said_once_and_not_while_it_comes_and_goes():
    desk = Desk()
    desk.complaints.end()
    assert desk.lines == []
    for second in range(20):
        desk.now_ns = 1 + second * NS
        desk.complaints.add("refused") if second % 2 else desk.complaints.end()
    assert desk.lines == ["refused"]
    for second in range(20, 40):
        desk.now_ns = 1 + second * NS
        desk.complaints.end()
    assert desk.lines == ["refused", "it goes on well again"]
    desk.complaints.add("refused")
    assert len(desk.lines) == 3
