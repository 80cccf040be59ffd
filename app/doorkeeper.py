"""Lets callers in by keys, signatures and addresses, counts whom it does not, and notes which keys are used.

A right key passes whatever was refused before from its address: nobody can keep a sender out by guessing beside it.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from app.addresses import within
from app.failures import Failures
from app.metrics import Refused
from app.problems import Problem
from app.rosters import Rosters
from app.security import Caller, Refusal, Unauthorized
from app.signatures import Signature, usable
from config.keys import Role
from model.clock import Clock
from model.errors import Unavailable
from model.roster import Source
from store import key_uses
from store.database import Database

log = structlog.get_logger(__name__)


class Doorkeeper:
    """One for a process: addresses and uses are noted in memory."""

    def __init__(
        self,
        rosters: Rosters,
        database: Database,
        clock: Clock,
        refused: Refused,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self._rosters = rosters
        self._database = database
        self._clock = clock
        self._refused = refused
        self._secrets = secrets or {}  # with which sources sign, by name
        self._failures = Failures()
        self._used: dict[str, datetime] = {}

    def caller(self, authorization: str | None, address: str) -> Caller:
        """Whose key it is. Raises Problem 401, or 429 when the address was refused too often; 503 as `Rosters.key`."""
        now = self._clock.now()
        try:
            entry = self._rosters.key(authorization, now)
        except Unauthorized as refused:
            raise self.refusal(refused, address, now) from None
        self._used[entry.sha256] = now
        return entry.caller

    def refusal(self, refused: Unauthorized, address: str, now: datetime) -> Problem:
        """Counted, and to be raised: 401, or 429 when the address was refused too often."""
        self._refused.count(refused.refusal)
        wait = self._failures.count(address, now)
        return refused if wait is None else self._too_many(wait)

    def signature(self, source: Source, headers: Mapping[str, str], address: str) -> Signature:
        """To be held against the body. Raises Problem 401, 429; 503 while no secret of the source is set."""
        keys = usable(source.trust, self._secrets)
        if not keys:
            log.error("none of the secrets with which a source signs is set", source=source.id)
            detail = f"none of the secrets with which {source.id} signs is set here: the message cannot be checked"
            raise Problem(503, "The signature cannot be checked now", detail, headers={"Retry-After": "30"})
        now = self._clock.now()
        try:
            return Signature(source.trust, keys, headers, now)
        except Unauthorized as refused:
            raise self.refusal(refused, address, now) from None

    def signer(self, signature: Signature, address: str) -> str:
        """The name of the secret that signed it. Raises Problem 401, 429."""
        try:
            return signature.signer()
        except Unauthorized as refused:
            raise self.refusal(refused, address, self._clock.now()) from None

    def check_address(self, source: Source, address: str) -> None:
        """Raises Problem 403, or 429 when the address was refused too often."""
        if not source.trust.addresses or within(address, source.trust.addresses):
            return
        self._refused.count(Refusal.WRONG_ADDRESS)
        wait = self._failures.count(address, self._clock.now())
        detail = f"nothing for source {source.id} is taken from {address}"
        raise Problem(403, "Not from this address", detail) if wait is None else self._too_many(wait)

    def admit(self, authorization: str | None, address: str, roles: frozenset[Role]) -> Caller:
        """As `caller`; raises Problem 403 unless the key has one of the roles."""
        caller = self.caller(authorization, address)
        if caller.role not in roles:
            raise self.forbidden(f"key {caller.key_id} is {caller.role}; this needs {' or '.join(sorted(roles))}")
        return caller

    def knows(self, authorization: str, roles: frozenset[Role]) -> bool:
        """Whether `admit` would let it in. A refusal is not counted: the caller asks `admit` next."""
        now = self._clock.now()
        try:
            entry = self._rosters.key(authorization, now)
        except Problem:
            return False
        if entry.caller.role not in roles:
            return False
        self._used[entry.sha256] = now
        return True

    def still_opens(self, authorization: str, caller: Caller) -> bool:
        """Whether that very secret opens for the same caller as when it was let in."""
        try:
            return self._rosters.key(authorization, self._clock.now()).caller == caller
        except Problem:
            return False

    def unknown_link(self, address: str) -> Problem:
        """Counted, and to be raised: nothing is at an address that is a secret. 429 as for wrong keys."""
        self._refused.count(Refusal.UNKNOWN_LINK)
        wait = self._failures.count(address, self._clock.now())
        return Problem(404, "Not found", "nothing is here") if wait is None else self._too_many(wait)

    def forbidden(self, detail: str) -> Problem:
        """Counted, and to be raised: the key is right and not for this."""
        self._refused.count(Refusal.NOT_ALLOWED)
        return Problem(403, "Not allowed", detail)

    def _too_many(self, wait: timedelta) -> Problem:
        self._refused.count(Refusal.TOO_MANY)
        detail = "this address was refused too often: wait, or send what is right, which is let in at any time"
        seconds = str(math.ceil(wait.total_seconds()))
        return Problem(429, "Refused too often", detail, headers={"Retry-After": seconds})

    @property
    def used(self) -> Mapping[str, datetime]:
        """What is not written down yet: when secrets of these hashes were last used."""
        return self._used

    async def note_uses(self) -> None:
        """Write down when keys were last used. While the database is away they are kept for the next time."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._database.transact(lambda conn: key_uses.note(conn, used))
        except Unavailable:
            self._used = used | self._used
