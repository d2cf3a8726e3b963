"""Log lines are JSON, secrets never appear, and a slow disk never holds the caller."""

import io
import json
import logging
import pickle
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.logs import MASK, JsonLineHandler, Redactor, Secret, start_logging


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(stream: io.StringIO) -> Iterator[logging.Logger]:
    handler = JsonLineHandler(stream)
    handler.redactor.register("hunter2-hunter2")
    log = logging.Logger("gateway.test")
    log.addHandler(handler)
    yield log
    handler.close()


def lines(log: logging.Logger, stream: io.StringIO) -> list[dict[str, object]]:
    """Stop the handler and read what it wrote."""
    log.handlers[0].close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_extra_fields(
    logger: logging.Logger, stream: io.StringIO
) -> None:
    logger.warning("venue %s is slow", "paper", extra={"venue": "paper", "latency_ms": 12})
    (line,) = lines(logger, stream)
    assert line["message"] == "venue paper is slow"
    assert (line["level"], line["logger"]) == ("warning", "gateway.test")
    assert (line["venue"], line["latency_ms"]) == ("paper", 12)
    assert isinstance(line["time_ns"], int)


def test_text_from_outside_cannot_forge_a_line(logger: logging.Logger, stream: io.StringIO) -> None:
    logger.info('x\n{"level":"error"}')
    assert len(lines(logger, stream)) == 1


def test_secrets_are_masked_by_type_and_by_value(
    logger: logging.Logger, stream: io.StringIO
) -> None:
    secret = Secret("swordfish-77")
    logger.info("key %s and %r and %s", secret, secret, "hunter2-hunter2", extra={"key": secret})
    try:
        raise ValueError("refused hunter2-hunter2")
    except ValueError:
        logger.exception("failed")
    logger.handlers[0].close()
    text = stream.getvalue()
    assert "swordfish" not in text and "hunter2" not in text
    assert text.count(MASK) >= 5
    assert "Traceback" in text


def test_a_secret_shows_itself_only_on_request() -> None:
    secret = Secret("swordfish-77")
    assert f"{secret} {secret!r} {secret:>20} {[secret]}".count("swordfish") == 0
    assert secret.reveal() == "swordfish-77"
    assert secret == Secret("swordfish-77") != Secret("other")
    with pytest.raises(TypeError, match="not stored"):
        pickle.dumps(secret)


def test_a_secret_inside_a_longer_secret_is_masked_whole() -> None:
    redactor = Redactor()
    redactor.register("abcdef")
    redactor.register(Secret("abcdef-ghijkl"))
    assert redactor.clean("x abcdef-ghijkl y abcdef z") == f"x {MASK} y {MASK} z"
    with pytest.raises(ValueError, match="at least"):
        redactor.register("abc")


def test_a_secret_with_quotes_is_masked_in_its_escaped_form(
    logger: logging.Logger, stream: io.StringIO
) -> None:
    secret = 'pass"word\\1'
    handler = logger.handlers[0]
    assert isinstance(handler, JsonLineHandler)
    handler.redactor.register(secret)
    logger.info("key %s", secret)
    assert lines(logger, stream)[0]["message"] == f"key {MASK}"


class StuckStream(io.StringIO):
    """A disk that does not answer until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_reached = threading.Event()
        self.let_go = threading.Event()

    def write(self, text: str) -> int:
        self.is_reached.set()
        assert self.let_go.wait(30)
        return super().write(text)


def test_a_stuck_disk_drops_lines_with_a_count_and_never_waits() -> None:
    stream = StuckStream()
    handler = JsonLineHandler(stream, lines_max=10)
    log = logging.Logger("gateway.test")
    log.addHandler(handler)
    log.info("first")
    assert stream.is_reached.wait(60)
    for number in range(25):
        log.info("line %d", number)
    assert handler.dropped == 15
    stream.let_go.set()
    handler.close()
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in written[:2]] == ["first", "line 0"]
    assert written[-1] == {
        "level": "warning",
        "logger": "gateway.logs",
        "message": "lines were dropped",
        "dropped": 15,
    }


class FullStream(io.StringIO):
    """A disk without room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_counted_and_not_raised() -> None:
    handler = JsonLineHandler(FullStream())
    log = logging.Logger("gateway.test")
    log.addHandler(handler)
    log.info("one")
    handler.close()
    assert handler.dropped == 1


def test_a_value_that_cannot_be_shown_is_counted_and_not_raised(
    logger: logging.Logger, stream: io.StringIO
) -> None:
    logger.info("%d", "not a number")
    handler = logger.handlers[0]
    assert isinstance(handler, JsonLineHandler)
    assert handler.dropped == 1


def test_the_log_file_is_private(tmp_path: Path) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    path = tmp_path / "logs" / "gateway.log"
    try:
        handler = start_logging("info", str(path), io.StringIO())
        logging.getLogger("gateway.test").info("hello")
        handler.close()
        handler._stream.close()
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text(encoding="utf-8"))["message"] == "hello"
