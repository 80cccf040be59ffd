"""Twilio's errors: https://www.twilio.com/docs/api/errors."""

from typing import Any


class TwilioError(Exception):
    """A refusal, as Twilio puts it: its own code, a sentence, an HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def body(self) -> dict[str, Any]:
        more_info = f"https://www.twilio.com/docs/errors/{self.code}"
        return {"code": self.code, "message": self.message, "more_info": more_info, "status": self.status}


def not_found(path: str) -> TwilioError:
    return TwilioError(20404, f"The requested resource {path} was not found", 404)


def no_more_calls() -> TwilioError:
    return TwilioError(10004, "Call concurrency limit exceeded", 429)


# Numbers that are refused, by number: Twilio's magic numbers and one of our own (10004).
REFUSED_CALLS: dict[str, TwilioError] = {
    "+15005550001": TwilioError(21211, "Invalid 'To' Phone Number: +1500555XXXX"),
    "+15005550002": TwilioError(21214, "'To' phone number cannot be reached"),
    "+15005551010": no_more_calls(),
    "+15005551020": TwilioError(20429, "Too many concurrent requests", 429),
}
REFUSED_TEXTS: dict[str, TwilioError] = {
    "+15005550001": TwilioError(21211, "Invalid 'To' Phone Number: +1500555XXXX"),
    "+15005550004": TwilioError(21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": TwilioError(21614, "'To' number is not a valid mobile number"),
    "+15005551020": TwilioError(20429, "Too many concurrent requests", 429),
}
