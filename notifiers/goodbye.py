"""What somebody who listens to a call hears before it is ended: why, and whether there is anything left to do. Pure."""

from model.event import EventStatus, Mode
from model.plan import Notification
from model.reply import Answer
from model.roster import Roster
from notifiers.wording.answers import SpokenAnswer, also_confirm, hung_up
from store.cuts import Cut

_ANSWERED = {Answer.ACKNOWLEDGE: SpokenAnswer.ACCEPTED, Answer.CANNOT_COMPLY: SpokenAnswer.CANNOT}


def goodbye(cut: Cut, roster: Roster) -> str:
    """For each event of the call; one that its person has answered by other means is not taken from them."""
    events = cut.events.values()
    reasons = [(_led_to(cut, row), row.reason) for row in cut.rows]
    accepted = [cut.events[row.event_pk].source for row in cut.rows if _led_to(cut, row) is SpokenAnswer.ACCEPTED]
    confirm = also_confirm(roster.sources.get(source) for source in accepted)
    return hung_up(reasons, confirm, drill=all(event.content.mode is Mode.DRILL for event in events))


def _led_to(cut: Cut, row: Notification) -> SpokenAnswer:
    event, answer = cut.events[row.event_pk], cut.answered.get(row.id)
    if event.status is not EventStatus.OPEN:
        return SpokenAnswer.OVER
    if row.revision < event.answer_revision:
        return SpokenAnswer.REPLACED if event.rings else SpokenAnswer.OVER
    return _ANSWERED[answer] if answer else SpokenAnswer.OVER
