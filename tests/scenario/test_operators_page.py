"""The page whose link a text ends with."""

from tests.scenario.conftest import over_both
from tests.scenario.world import World


@over_both
async def test_it_acknowledges_on_post_and_not_on_get(world: World) -> None:
    """Reading it, as a phone's preview does, leaves the phones ringing; its button silences them."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:20")
    for name in ("ana", "ben"):
        world.phone(name).expects_call()
        world.phone(name).expects_text("Reply 1")
    pk = (await world.event()).event.pk
    url = f"/e/{world.service.page_links.token(pk, 'ben')}"
    for _ in range(5):
        page = await world.http.get(url)
        assert page.status_code == 200
        assert "Nobody has accepted yet" in page.text
    await world.advance_until("0:40")
    assert (await world.event()).replies == []
    assert [call.status for call in world.standins.calls.by_sid.values()] == ["ringing", "ringing"]

    page = await world.http.post(url, data={"answer": "acknowledge", "revision": "1"})
    assert "You have accepted, and that counts. Also confirm in MCS." in page.text
    assert "Ben Okafor (18:00 GMT)" in page.text
    await world.advance_until("11:00")
    assert [call.status for call in world.standins.calls.by_sid.values()] == ["canceled", "canceled"]
    world.phone("ana").expects_text("Ben Okafor has it since")
    assert world.slack()[1].text == "Ben Okafor accepted (page, 18:00:40 UTC)"
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert [(r.person, r.channel, r.said) for r in kept.replies] == [("ben", "page", "button")]
