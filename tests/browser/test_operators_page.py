"""The operator's page on a phone of 360 points, with a finger."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.scenario.conftest import NOON_IN_CHICAGO
from tests.scenario.world import World, open_world

pytestmark = pytest.mark.service("chromium")

PHONE = {"width": 360, "height": 640}
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def told(world: World) -> str:
    """Ana's phone has rung and she has her text; the address of her page."""
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:20")
    for name in ("ana", "ben"):
        world.phone(name).expects_call()
        world.phone(name).expects_text("Reply 1")
    pk = (await world.event()).event.pk
    return f"{world.http.base_url}/e/{world.service.page_links.token(pk, 'ana')}"


async def test_it_is_read_without_scrolling_sideways_and_acknowledges_when_pressed(tmp_path: Path, page: Page) -> None:
    """Opening it acknowledges nothing, without any script; what is asked and by when is on the first screen."""
    async with open_world(tmp_path, NOON_IN_CHICAGO) as world:
        url = await told(world)
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await page.goto(url)
        await expect(page.get_by_role("heading")).to_have_text("Reduce 12.5 MW")
        await expect(page.get_by_text("by 12:30 CST (13:30 EST), 29 min left")).to_be_in_viewport()
        assert await page.evaluate(SIDEWAYS) == 0
        for label in ("Acknowledge", "Cannot comply"):
            box = await page.get_by_role("button", name=label).bounding_box()
            assert box is not None
            assert box["height"] >= 48
        background = "getComputedStyle(document.querySelector('.yes')).backgroundColor"
        assert await page.evaluate(background) == "rgb(21, 128, 61)"  # the policy lets our own style in
        assert (await world.event()).replies == []

        await page.get_by_role("button", name="Acknowledge").click()
        await expect(page.get_by_role("status")).to_contain_text("You have accepted, and that counts.")
        assert [(r.person, r.channel) for r in (await world.event()).replies] == [("ana", "page")]
        await world.advance_until("1:00")
        world.phone("ben").expects_text("Ana Reyes has it since")


async def test_what_else_waits_is_listed_and_accepted_after_one_question(tmp_path: Path, page: Page) -> None:
    async with open_world(tmp_path, NOON_IN_CHICAGO) as world:
        url = await told(world)
        await world.post("edr", "E-2")
        await world.advance(seconds=2)
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await page.goto(url)
        await page.get_by_role("link", name="MISO EDR: Reduce 12.5 MW").click()
        await expect(page.get_by_text("E-2", exact=False).first).to_be_visible()
        await page.goto(url)
        assert await page.evaluate(SIDEWAYS) == 0
        await page.get_by_role("button", name="Accept all 2").click()
        await expect(page.get_by_role("heading")).to_have_text("Accept all 2 events?")
        assert await page.evaluate(SIDEWAYS) == 0
        assert (await world.event("E-2")).replies == []
        await page.get_by_role("button", name="Accept 2").click()
        await expect(page.get_by_role("status")).to_contain_text("You have accepted 2 events")
        await page.get_by_role("link", name="Back to the event").click()
        await expect(page.get_by_text("Ana Reyes, you have accepted.")).to_be_visible()
        await world.advance(seconds=3)
        for name in ("ana", "ben"):
            world.phone(name).expects_everything()
