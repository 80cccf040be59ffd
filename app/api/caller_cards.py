"""The contact that a person saves, so that a call at night is let through."""

from typing import Any

from fastapi import APIRouter, Response

from app.api.deps import CallerDep, ServiceDep
from app.api.edits import problems, unknown
from app.caller_card import caller_card, caller_numbers
from app.problems import MEDIA_TYPE, Problem

router = APIRouter(tags=["roster"], responses=problems(401, 403))

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The contact", "content": {"text/vcard": {}}},
    404: {
        "description": "No such person, or no number is set up from which people are called",
        "content": {MEDIA_TYPE: {}},
    },
}


@router.get("/v1/people/{person_id}/caller-card.vcf", response_class=Response, responses=_ANSWERS)
async def person_caller_card(person_id: str, service: ServiceDep, _: CallerDep) -> Response:
    """The numbers from which this person is called and texted, as a vCard."""
    if person_id not in service.rosters.roster.people:
        raise unknown("person", person_id)
    numbers = caller_numbers(service.settings)
    if not numbers:
        raise Problem(404, "No caller card", "nobody is called from here: Twilio is not set up (GRIDCALL_TWILIO_FROM)")
    card = caller_card(numbers, f"gridcall-caller-card:{service.settings.public_url}", service.clock.now())
    headers = {"Content-Disposition": 'attachment; filename="gridcall.vcf"'}
    return Response(card, media_type="text/vcard; charset=utf-8", headers=headers)
