"""Work that shall take a share of the time, and time in which there was none."""

from gateway.journal.share import REST_SECONDS_MAX, rest_seconds


def test_work_is_followed_by_a_multiple_of_its_length():
    assert rest_seconds(0.01, 20) == 0.2


def test_a_process_that_stood_still_in_its_work_rests_no_longer_for_it():
    assert rest_seconds(60.0, 20) == REST_SECONDS_MAX
    assert rest_seconds(60.0, 2, 1.0) == 1.0
