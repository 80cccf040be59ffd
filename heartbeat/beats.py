"""How often a source must beat for its period, and what period fits a source that beats so often. Pure."""

from collections.abc import Iterator
from datetime import timedelta

from model.roster import Heartbeat, Source

ON_THE_WAY_SECONDS = 60  # what a beat may take, or come too late
USUAL_BEAT_SECONDS = 300
MISSED_BY = timedelta(seconds=30)  # a beat that comes no later than this after its period was none that got lost


def period_for(beat_seconds: int) -> int:
    """For a source that beats so often: one beat may get lost."""
    return 2 * beat_seconds + ON_THE_WAY_SECONDS


def advice(source: Source, silent_for: timedelta) -> str | None:
    """To whoever minds a source that was late by a little."""
    if source.heartbeat is None or source.heartbeat.cron:
        return None
    seconds = source.heartbeat.period_seconds
    if silent_for - timedelta(seconds=seconds) > MISSED_BY:
        return None
    return f"If it beats every {seconds} s, give it period_seconds: {period_for(seconds)}, so that one may get lost."


def notices(source: Source) -> Iterator[str]:
    """What to say to whoever saves it."""
    minded = source.heartbeat
    if minded is not None and too_short(minded):
        yield (
            f"{source.id} is late after {minded.period_seconds} s without a word: that fits a sender that beats at "
            f"least every {_beat_for(minded.period_seconds)} s. One that beats every 5 minutes needs "
            f"period_seconds: {period_for(USUAL_BEAT_SECONDS)}"
        )


def too_short(minded: Heartbeat) -> bool:
    """For a source that beats every five minutes: each beat that takes its time would be missed."""
    return not minded.cron and minded.period_seconds <= USUAL_BEAT_SECONDS


def _beat_for(period_seconds: int) -> int:
    return max(1, (period_seconds - ON_THE_WAY_SECONDS) // 2)
