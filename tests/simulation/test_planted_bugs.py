"""The simulation is tested itself: each of these mistakes, planted into production's code, is found soon."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count, islice
from types import SimpleNamespace
from typing import Any

import pytest

from heartbeat import monitor
from model.monitor import MonitorStatus
from model.plan import ChannelName, Notification
from notifiers import reconciler, sending
from routing import facts as facts_
from routing import falling_due, merging, objective, paging_again, planner, revision, stand_down
from routing.facts import Facts, PlanChange
from routing.objective import Counted
from store import bundles, lines, outcomes, pick_ups, plans
from tests.simulation.mix import Mix, mix
from tests.simulation.world import Outcome, run

WITHIN = 200
Plant = Callable[[pytest.MonkeyPatch], None]


def lost_supersede(patch: pytest.MonkeyPatch) -> None:
    """What waits goes out although somebody has accepted."""
    patch.setattr(plans, "supersede", lambda conn, ids, reason: None)


def lease_that_never_ends(patch: pytest.MonkeyPatch) -> None:
    """What a process was sending when it died stays its own for ever."""
    patch.setattr(outcomes, "adopt", lambda conn, ids, now: 0)


def line_that_is_never_free(patch: pytest.MonkeyPatch) -> None:
    """A call whose end nobody told us keeps its line for ever."""
    patch.setattr(lines, "overdue", lambda conn, now: [])


def limit_off_by_one(patch: pytest.MonkeyPatch) -> None:
    """One more call than there are lines."""
    counted = lines.in_use
    patch.setattr(lines, "in_use", lambda conn: counted(conn) - 1)


def reserve_that_anybody_takes(patch: pytest.MonkeyPatch) -> None:
    """A warning's calls take the lines that are kept for critical events."""
    patch.setattr(lines, "full", lambda conn, row, count: lines.in_use(conn) >= count)


def plan_that_forgets_how_long_calls_take(patch: pytest.MonkeyPatch) -> None:
    """Everybody is promised a line, as if each were free again after a second."""
    true = planner.call_of
    patch.setattr(planner, "call_of", lambda case, row: true(case, row)._replace(holds=timedelta(seconds=1)))


def reconciler_that_looks_once(patch: pytest.MonkeyPatch) -> None:
    """What the vendor does not have yet at the first look is sent again."""
    patch.setattr(reconciler, "LOOKS", outcomes.LOOKS[:1])


def verdict_from_our_own_table(patch: pytest.MonkeyPatch) -> None:
    """Somebody picked up, so our table says answered, so it counts as accepted."""
    by_reply = objective.met_by

    def met_by(facts: Facts) -> Counted | None:
        rows = facts.rows(revision=facts.revision)
        row = next((n for n in rows if n.channel is ChannelName.VOICE and n.answered_at and n.person), None)
        if row is None:
            return by_reply(facts)
        return Counted(row.person or "", row.answered_at or facts.case.now, "voice")

    patch.setattr(objective, "met_by", met_by)


def claim_that_is_never_read_again(patch: pytest.MonkeyPatch) -> None:
    """What was superseded between claim and request is sent all the same."""
    patch.setattr(sending, "STALE_CLAIM", timedelta(minutes=1))


def silence_that_nobody_tells(patch: pytest.MonkeyPatch) -> None:
    """A silent source stays late for ever."""
    true = monitor.status

    def status(*known: Any) -> MonitorStatus:
        found = true(*known)
        return MonitorStatus.LATE if found is MonitorStatus.SILENT else found

    patch.setattr(monitor, "status", status)


def own_outage_that_counts_as_silence(patch: pytest.MonkeyPatch) -> None:
    """After minutes in which nobody listened, sources are as silent as they seem."""
    true = monitor.due
    patch.setattr(monitor, "due", lambda minded, seen, since, missed: true(minded, seen, seen or since, timedelta()))


def step_that_calls_who_has_answered(patch: pytest.MonkeyPatch) -> None:
    """Whoever cannot comply is called once more with the next group."""
    patch.setattr(falling_due, "objective", SimpleNamespace(**vars(objective) | {"answered": lambda facts: set()}))


def silence_that_still_counts(patch: pytest.MonkeyPatch) -> None:
    """Whoever does not answer when asked whether it is in hand has it all the same."""
    patch.setattr(objective, "fell_silent", lambda facts: {})


def question_that_nobody_asks(patch: pytest.MonkeyPatch) -> None:
    """Who accepted and was not heard of since is never called."""
    patch.setattr(paging_again, "ask", lambda facts, change, accepted: None)


def machine_that_nobody_asks_about(patch: pytest.MonkeyPatch) -> None:
    """Where the one callback about it is lost, a voicemail counts as somebody reached."""
    patch.setattr(pick_ups, "ask", lambda conn, attempt_id, now, at: None)


def _machines_take_most(found: Mix) -> bool:
    """And few press or write, so that nobody else has the event."""
    press, late, _, _, voicemail, *_ = found.people.weights
    share = sum(found.people.weights)
    return found.level == "reached" and found.callback_lost > 0 and voicemail > share / 3.3 and press + late < share / 5


def member_that_is_accepted_by_itself_only(patch: pytest.MonkeyPatch) -> None:
    """Whoever accepts the event that rings for others has accepted that one alone."""
    patch.setattr(merging, "_accepted", lambda facts: None)


def member_that_asks_for_more(patch: pytest.MonkeyPatch) -> None:
    """Whatever has the fields of its source in common goes together."""
    patch.setattr(merging, "more", lambda leader, event, deadline_counts: None)


def key_that_speaks_of_one_event(patch: pytest.MonkeyPatch) -> None:
    """Of what a call named only the first is answered."""
    true = bundles.named
    patch.setattr(bundles, "named", lambda conn, attempt: true(conn, attempt)[:1])


def alert_that_nobody_resolves(patch: pytest.MonkeyPatch) -> None:
    """PagerDuty never hears that an event is over."""
    patch.setattr(stand_down, "open_alerts", lambda facts: [])


def alert_that_a_repeat_opens_again(patch: pytest.MonkeyPatch) -> None:
    """What resolves an alert waits for the one that takes its place, not for the alert's own trigger."""
    true = facts_.resolve

    def resolve(facts: Facts, change: PlanChange, trigger: Notification, *, after: Notification) -> Notification:
        return replace(true(facts, PlanChange(), trigger, after=after), follows=after.id)

    for module in (falling_due, revision):
        patch.setattr(module, "resolve", resolve)


def acceptance_that_pagerduty_never_hears(patch: pytest.MonkeyPatch) -> None:
    """Somebody has the event, and PagerDuty goes on calling people."""
    patch.setattr(revision, "newest_triggers", lambda facts: [])


def record_that_is_never_raised(patch: pytest.MonkeyPatch) -> None:
    """Nobody accepts, and PagerDuty wakes nobody."""
    patch.setattr(falling_due, "newest_triggers", lambda facts: [])


PLANTED: dict[Plant, str] = {
    alert_that_nobody_resolves: "and PagerDuty has",
    alert_that_a_repeat_opens_again: "PagerDuty",
    acceptance_that_pagerduty_never_hears: "PagerDuty goes on calling people",
    record_that_is_never_raised: "PagerDuty calls nobody",
    lost_supersede: "asked|still waiting",
    lease_that_never_ends: "never ended|told twice|nobody knows",
    line_that_is_never_free: "never free again",
    limit_off_by_one: "lines",
    reserve_that_anybody_takes: "are kept from",
    plan_that_forgets_how_long_calls_take: "was promised a call",
    reconciler_that_looks_once: "told twice|called twice|nobody knows",
    verdict_from_our_own_table: "the vendors saw",
    machine_that_nobody_asks_about: "the vendors saw",
    claim_that_is_never_read_again: "after it was stopped",
    silence_that_nobody_tells: "nobody was told",
    own_outage_that_counts_as_silence: "of listening only",
    step_that_calls_who_has_answered: "planned for somebody who has answered",
    silence_that_still_counts: "the vendors saw",
    question_that_nobody_asks: "nobody asked",
    member_that_is_accepted_by_itself_only: "the vendors saw",
    member_that_asks_for_more: "which rings for it, does not ask",
    key_that_speaks_of_one_event: "not taken for each event of the call",
}


# Where no source is minded, where there are few lines or few people, the mistake changes nothing.
ABLE: dict[Plant, Callable[[Mix], bool]] = {
    alert_that_a_repeat_opens_again: lambda found: found.updates > 0 and (found.vendor_outages > 0 or found.refuse > 0),
    machine_that_nobody_asks_about: _machines_take_most,
    silence_that_nobody_tells: lambda found: found.heartbeats,
    silence_that_still_counts: lambda found: found.page_again > 0,
    question_that_nobody_asks: lambda found: found.page_again > 0,
    own_outage_that_counts_as_silence: lambda found: found.heartbeats and found.outages > 0,
    member_that_is_accepted_by_itself_only: lambda found: found.merges,
    member_that_asks_for_more: lambda found: found.merges,
    key_that_speaks_of_one_event: lambda found: found.storm,
    reserve_that_anybody_takes: lambda found: found.crowd > 0 and found.lines >= 10,
    plan_that_forgets_how_long_calls_take: lambda found: (
        found.crowd > 0 and found.events == 1 and found.lines <= 5 and not (found.refuse or found.crash)
    ),
}


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    found = _first_broken(ABLE.get(plant, lambda _: True))
    assert found is not None, f"not found within {WITHIN} seeds: {plant.__doc__}"
    assert any(word in (found.broken or "") for word in PLANTED[plant].split("|")), found.broken


def _first_broken(able: Callable[[Mix], bool]) -> Outcome | None:
    """Seeds that are not able to find it are left out, and do not count."""
    seeds = islice((seed for seed in count(1) if able(mix(seed))), WITHIN)
    return next((outcome for outcome in map(run, seeds) if outcome.broken), None)
