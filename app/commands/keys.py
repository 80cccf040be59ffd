"""`gridcall keys`: on Gridcall's own host, with its settings in the environment; also before the first start."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from config.settings import Settings

keys = typer.Typer(no_args_is_help=True, help="On the host: the keys of the API. list, create, renew, revoke.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="As the list shows it.")]
JSON = Annotated[bool, typer.Option("--json", help="Print it for machines.")]
Days = Annotated[float | None, typer.Option(min=0.01, max=36_500, help="Days until it ends; never when left out.")]


@keys.command("list")
def show_all(json: JSON = False) -> None:
    """Whose keys there are and when they were last used. Secrets are not known: only their hashes are kept."""
    from app import host_keys
    from app.commands import show
    from config.settings import load_settings

    found = host_keys.known(load_settings())
    rows = [
        {
            "name": key.id,
            "role": key.role,
            "source": key.source,
            "person": key.person,
            "created_at": _iso(found.made.get(key.id)),
            "expires_at": _iso(key.expires_at),
            "former_until": _iso(key.former_until),
            "last_used_at": _iso(found.used.get(key.sha256)),
        }
        for key in found.keys
    ]
    if json:
        show.as_json({"keys": rows})
        return
    told = [
        (r["name"], r["role"], r["source"] or r["person"], show.clock(r["expires_at"]), show.clock(r["last_used_at"]))
        for r in rows
    ]
    empty = "There are no keys: gridcall keys create --role admin --name NAME"
    show.table(("name", "role", "of", "ends", "last used"), told, empty=empty)


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None


@keys.command("create")
def create(
    name: Annotated[str, typer.Option(help="What to call it: a-z, 0-9 and -.")],
    role: Annotated[str, typer.Option(help="upstream, operator or admin.")],
    source: Annotated[str | None, typer.Option(help="Whose events an upstream sends.")] = None,
    person: Annotated[str | None, typer.Option(help="Who of the roster acts with it.")] = None,
    days: Days = None,
) -> None:
    """Make a key. Its secret is printed, once; processes that run take it within two seconds."""
    from app import host_keys
    from app.stores import anew
    from config.keys import Role
    from config.settings import load_settings
    from model.clock import SystemClock
    from store.rosters import KeyRow

    if role not in list(Role):
        raise typer.BadParameter(f"expected {', '.join(Role)}", param_hint="--role")
    now = SystemClock().now()
    expires_at = now + timedelta(days=days) if days else None
    key = KeyRow(id=name, sha256="", role=role, source=source, person=person, expires_at=expires_at)
    settings = load_settings()
    made = anew(settings)
    secret = host_keys.create(settings, key, now)
    if made:
        typer.echo(made, err=True)
    _say(secret, name, settings)


def _say(secret: str, name: str, settings: "Settings") -> None:
    """The secret alone on standard output: it can go to a file or a secret store."""
    from app.stores import database_place

    typer.echo(f"The secret of key {name}, kept in {database_place(settings)}; it is not shown again:", err=True)
    typer.echo(secret)


@keys.command("renew")
def renew(
    name: Name,
    keep_hours: Annotated[
        float, typer.Option(min=0, max=720, help="How long the former secret still opens; 0: not any more.")
    ] = 24.0,
    days: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=36_500, help="Days until it ends; as before when left out. An expired one needs it."
        ),
    ] = None,
) -> None:
    """Give a key another secret, printed once. Both open for a while, so that the sender can be changed over."""
    from app import host_keys
    from config.settings import load_settings
    from model.clock import SystemClock

    now = SystemClock().now()
    until = now + timedelta(hours=keep_hours) if keep_hours else None
    expires_at = now + timedelta(days=days) if days else None
    settings = load_settings()
    _say(host_keys.renew(settings, name, until, expires_at, now), name, settings)


@keys.command("revoke")
def revoke(name: Name) -> None:
    """End a key, whichever of its secrets is used. Processes that run know it within two seconds."""
    from app import host_keys
    from config.settings import load_settings
    from model.clock import SystemClock

    host_keys.revoke(load_settings(), name, SystemClock().now())
    typer.echo(f"Key {name} opens nothing any more.")
