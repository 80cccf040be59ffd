"""The account: https://www.twilio.com/docs/iam/api/account, its balance and its numbers."""

from typing import Any

from fastapi import APIRouter, Request

from sandbox.here import Here
from sandbox.settings import Settings
from sandbox.twilio.call import API

CREATED = "Mon, 02 Nov 2026 15:00:00 +0000"


ROOT = f"/twilio/{API}/Accounts/{{account}}"

routes = APIRouter(prefix=ROOT)
"""The account itself and what is known of it."""


@routes.get(".json")
async def fetch(world: Here) -> dict[str, Any]:
    settings = world.settings
    return {
        "sid": settings.twilio_account_sid,
        "friendly_name": "sandbox",
        "status": settings.twilio_status,
        "type": settings.twilio_type,
        "date_created": CREATED,
    }


@routes.get("/Balance.json")
async def balance(world: Here) -> dict[str, Any]:
    settings = world.settings
    return {"account_sid": settings.twilio_account_sid, "balance": settings.twilio_balance, "currency": "USD"}


@routes.get("/IncomingPhoneNumbers.json")
async def numbers(request: Request, world: Here) -> dict[str, Any]:
    settings = world.settings
    wanted = request.query_params.get("PhoneNumber", settings.default_sender)
    found = [_number(settings)] if wanted == settings.default_sender else []
    return {"incoming_phone_numbers": found, "page": 0, "page_size": 50, "next_page_uri": None}


@routes.get("/OutgoingCallerIds.json")
async def callers() -> dict[str, Any]:
    return {"outgoing_caller_ids": [], "page": 0, "page_size": 50, "next_page_uri": None}


def _number(settings: Settings) -> dict[str, Any]:
    sid = settings.twilio_account_sid
    return {
        "sid": "PN" + "0" * 32,
        "account_sid": sid,
        "phone_number": settings.default_sender,
        "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False},
        "sms_method": "POST",
        "sms_url": settings.twilio_sms_inbound_url,
        "date_created": CREATED,
        "uri": f"/{API}/Accounts/{sid}/IncomingPhoneNumbers.json",
    }
