"""`python -m bench engine`: planning for 10,000 people, the dispatcher against the bare SDKs, a table full of what is
to come. Each part is a module of its own, and has databases of its own.
"""

from bench import pending, planning, sending
from tests import postgres


async def run() -> None:
    if not postgres.find():
        print("PostgreSQL is not here: its figures are left out")
        await _parts(None)
        return
    with postgres.server(durable=True) as url:
        await _parts(url)


async def _parts(postgres_url: str | None) -> None:
    await planning.run(postgres_url)
    await sending.run(postgres_url)
    await pending.run(postgres_url)
