"""Who lost RabbitMQ asks again soon, then less often, and never all together."""

from broker.link import LONGEST_PAUSE_SECONDS, pause_seconds


def test_pauses_grow_to_a_limit_that_lets_the_spool_drain_in_time():
    assert all(pause_seconds(0) <= 0.05 for _ in range(50))
    assert all(LONGEST_PAUSE_SECONDS / 2 <= pause_seconds(n) <= LONGEST_PAUSE_SECONDS for n in range(10, 2000, 50))
    assert len({pause_seconds(9) for _ in range(50)}) > 40
