"""Addresses that fail to log on wait, however many of them there are."""

from gateway.transport.fix_session.failed_logons import FailedLogons

SECOND_NS = 1_000_000_000


def test_an_address_waits_until_its_failures_are_a_minute_old() -> None:
    failed = FailedLogons(per_minute=2)
    failed.add("10.0.0.1", 0)
    assert not failed.is_over("10.0.0.1", 1)
    failed.add("10.0.0.1", 10 * SECOND_NS)
    assert failed.is_over("10.0.0.1", 60 * SECOND_NS)
    assert not failed.is_over("10.0.0.2", 60 * SECOND_NS)
    assert not failed.is_over("10.0.0.1", 60 * SECOND_NS + 1)


def test_what_expired_is_forgotten() -> None:
    failed = FailedLogons(per_minute=1)
    for number in range(100):
        failed.add(f"10.0.0.{number}", number * SECOND_NS)
    failed.add("10.0.0.99", 130 * SECOND_NS)
    assert len(failed) == 30  # 70 to 99


def test_a_flood_of_addresses_forgets_the_oldest_and_still_counts_the_new() -> None:
    failed = FailedLogons(per_minute=2, addresses_max=3)
    for number in range(1000):
        failed.add(f"10.1.{number}", number)
    for now_ns in (1001, 1002):
        failed.add("10.0.0.1", now_ns)
    assert len(failed) == 3
    assert failed.is_over("10.0.0.1", 1003)


def test_without_a_limit_nothing_is_kept() -> None:
    failed = FailedLogons(per_minute=0)
    failed.add("10.0.0.1", 1)
    assert len(failed) == 0 and not failed.is_over("10.0.0.1", 1)
