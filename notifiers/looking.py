"""What a look at the table finds: what is due and can be sent now, with all that its words need; what must be cut."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from model.plan import WAYS, ChannelName, Kind, Notification
from notifiers.breaker import Breakers
from notifiers.jobs import Batch
from notifiers.limits import Limits, Paces
from notifiers.order import Told, along, by_reader, gathers, waits_for_others
from notifiers.places import Places
from store import attempts, bundles, canaries, cuts, events, lines, merged, outbox, posts, replies, threads, traces
from store.database import Connection
from store.outbox import Due, Share
from store.posts import Post

TENTH = 10
OTHERS_EVERY = timedelta(milliseconds=250)  # in a storm that look costs as much as all others together
AT_A_LOOK = 100  # rows a look takes of channels that are not set up, or that nobody answers


class Looking:
    """Decides nothing that would bind: between a look and the claim another process may be faster."""

    def __init__(
        self,
        channels: Collection[ChannelName],
        limits: Limits,
        paces: Paces,
        places: Places,
        breakers: Breakers,
        told: Told,
        *,
        began_at: datetime,
        traced: bool,
        canaries_: bool,
    ) -> None:
        self._channels = channels
        self._limits = limits
        self._paces = paces
        self._places = places
        self._breakers = breakers
        self._told = told
        self._traced = traced
        self._canaries = canaries_
        self._others_at = began_at  # when sources that have no place are looked for again
        self._looks_at_others: Counter[ChannelName] = Counter()

    def look(self, conn: Connection, now: datetime, share: Share, room_for: int) -> Batch:
        """`room_for`: rows at most, 0 where only what must be cut is looked for."""
        room = {channel: self.room(channel, now) if room_for else 0 for channel in ChannelName}
        found = outbox.due(conn, room, now, share)
        out_of_lines = calls_wait = False
        if found[ChannelName.VOICE] and ChannelName.VOICE in self._channels:
            out_of_lines = lines.full(conn, found[ChannelName.VOICE][0].notification, self._limits.lines)
            if out_of_lines or self._paces.next_call_at(now) > now:
                found[ChannelName.VOICE], calls_wait = [], True
        behind = {c for c in self._channels if 0 < room[c] == len(found[c])}
        let_in = self._let_others_in(conn, found, room, behind, now, share, room_for)
        due = self._told.first_messages_first([d for channel in self._channels for d in found[channel]])
        due = [*let_in, *due]
        # What its account's pace holds back is put off, and takes nobody's place.
        paced = [d for d in due if self._paces.until(d.notification, now) > now]
        free = [d for d in due if self._paces.until(d.notification, now) <= now]
        behind |= {d.notification.channel for d in free[room_for:]}
        free, later_edits = _one_edit(free)
        gathering = [(d.notification, at) for d in free if (at := self._gathers_until(conn, d, now)) is not None]
        waiting = {row.id for row, _ in gathering}
        chosen = [d for d in free[:room_for] if d.notification.id not in waiting]
        due, together = self._gather(conn, [*paced, *chosen], now)
        posted = _posted(conn, chosen)
        together |= {row_id: others for row_id, post in posted.items() if post and (others := post.besides(row_id))}
        going_along = {row.id for others in together.values() for row in others}
        put_off = [d for d in later_edits if d.notification.id not in going_along]
        impossible = [d.notification for c, rows in found.items() if c not in self._channels for d in rows]
        rows = [d.notification for d in due]
        numbers = {row.address for row in rows if row.channel is ChannelName.SMS}
        named = [one for row in rows for one in together.get(row.id, ())[: WAYS[row.channel].named - 1]]
        named += [one for post in posted.values() if post for one in post.told]
        known = events.load(conn, {row.event_pk for row in (*rows, *named)})
        return Batch(
            due=[*due, *put_off],
            together=together,
            gathering=gathering,
            events=known,
            alike=merged.counts(conn, [pk for pk, event in known.items() if event.merge_key], open_only=True),
            earlier={d.notification.id: attempts.of_notification(conn, d.notification.id) for d in due if d.tries},
            codes=replies.codes_of(conn, numbers, now),
            threads={
                r.id: threads.find(conn, r.event_pk, r.address) for r in rows if r.kind in (Kind.NOTE, Kind.ADMIN)
            },
            posted=posted,
            traces=traces.of_notifications(conn, [row.id for row in rows]) if self._traced else {},
            cuts=cuts.to_cut(conn),
            impossible=impossible,
            out_of_lines=out_of_lines,
            calls_wait=calls_wait,
            more=bool(behind),
            behind=behind,
            unseen={c for c in self._channels if not room[c]},
            next_at=self._next_at(outbox.next_due_at(conn, now), now),
            canaries=canaries.waiting(conn) if self._canaries else (),
        )

    def _let_others_in(
        self,
        conn: Connection,
        found: dict[ChannelName, list[Due]],
        room: Mapping[ChannelName, int],
        full: Collection[ChannelName],
        now: datetime,
        share: Share,
        room_for: int,
    ) -> list[Due]:
        """One place in ten of a channel where more waits than there are places is for sources that have none there.

        They come in place of the least urgent rows, which are taken out of `found`, of none that is more urgent, and
        take one in ten of a turn.
        """
        if not full or now < self._others_at:
            return []
        self._others_at = now + OTHERS_EVERY
        let_in: list[Due] = []
        for channel in sorted(full):
            self._looks_at_others[channel] += 1
            left = max(1, room_for // TENTH) - len(let_in)
            places = min(left, room[channel] // TENTH or int(self._looks_at_others[channel] % TENTH == 0))
            those = [d.notification for d in found[channel]]
            others = outbox.due_of_others(conn, channel, those, places, now) if places else []
            # A re-dial may not have the lines that a first ring may.
            others = [d for d in others if share.has(d.notification.id) and not d.notification.redial]
            others = [d for d in others if d.notification.lane <= those[-1].lane]
            found[channel] = found[channel][: len(those) - len(others)]
            let_in += others
        return let_in

    def _gather(
        self, conn: Connection, due: Sequence[Due], now: datetime
    ) -> tuple[list[Due], dict[str, Sequence[Notification]]]:
        """One row for each reader who was to wait, with what is told in the same message; others as they are."""
        kept: list[Due] = []
        together: dict[str, Sequence[Notification]] = {}
        for rows in by_reader(due):
            first = rows[0].notification
            others: Sequence[Notification] = ()
            if gathers(rows):
                others = along(first, bundles.companions(conn, first, now, WAYS[first.channel].together - 1))
            kept += rows[:1] if others else rows
            if others:
                together[first.id] = others
        return kept, together

    def _gathers_until(self, conn: Connection, due: Due, now: datetime) -> datetime | None:
        """What a call told together that reached nobody is told together again."""
        at, before = waits_for_others(due, now), due.notification.follows
        return at if at and before and bundles.told_several(conn, before) else None

    def room(self, channel: ChannelName, now: datetime) -> int:
        """How many may be begun now: of calls one. Where nobody answers: how many are held back or given up at once."""
        if channel not in self._channels or self._breakers.of(channel).next_at(now) > now:
            return AT_A_LOOK
        free = max(0, self._places.free(channel))
        return min(free, 1) if channel is ChannelName.VOICE else free

    def _next_at(self, next_due: datetime | None, now: datetime) -> datetime | None:
        """The next row, or the next call that the calls-per-second limit allows."""
        next_call = self._paces.next_call_at(now)
        times = [at for at in (next_due, next_call if next_call > now else None) if at]
        return min(times, default=None)


def _posted(conn: Connection, chosen: Sequence[Due]) -> dict[str, Post | None]:
    """What stands where the edits among them are to be made."""
    edits = (d.notification for d in chosen if d.notification.kind is Kind.EDIT)
    return {row.id: posts.standing(conn, row.follows) for row in edits if row.follows}


def _one_edit(due: Sequence[Due]) -> tuple[list[Due], list[Due]]:
    """All but the edits behind the first, and those: no two of them go at once."""
    behind = {d.notification.id for d in [d for d in due if d.notification.kind is Kind.EDIT][1:]}
    return [d for d in due if d.notification.id not in behind], [d for d in due if d.notification.id in behind]
