"""`gridcall ring`: one real phone, to see that calls arrive."""

from typing import Annotated

import typer

EVERY_SECONDS = 1.0
GIVEN_UP_AFTER = 120  # looks
SAYS = {
    "calling": "The call is placed.",
    "ringing": "It rings.",
    "answered": "Picked up. Waiting for the 1.",
    "confirmed": "1 was pressed: calls reach {person}, and Twilio reaches us.",
    "failed": "Not confirmed: {outcome}.",
}


def ring(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Whom, by the id in the roster.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the phone rings.")] = False,
) -> None:
    """Call one person, marked as a test, and wait for the key. The exit code is 0 when it was pressed."""
    from app.commands.client import Api, CommandError, segment
    from app.commands.drilling import pause

    if not yes and not typer.confirm(f"Let the phone of {person} ring, as a test?"):
        raise CommandError("no phone rings: say --yes where nobody can be asked")
    api, path = Api(), f"/v1/people/{segment(person)}/ring"
    found, told = api.call("POST", path), ""
    for _ in range(GIVEN_UP_AFTER):
        if found["state"] != told:
            told = found["state"]
            typer.echo(SAYS[told].format(**found))
        if told in ("confirmed", "failed"):
            raise typer.Exit(told != "confirmed")
        pause(EVERY_SECONDS)
        found = api.get(path)
    raise CommandError("nothing was heard of the call for two minutes: Twilio does not reach GRIDCALL_PUBLIC_URL")
