"""The page of the stand-ins, as somebody uses it who tries Gridcall: with the mouse, or by ear and keyboard."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from playwright.async_api import Page, expect

from intake.examples import example
from tests.demo_process import Demo, running, until

pytestmark = pytest.mark.service("chromium")

EVENT = "MISO-EDR-BROWSER"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


def post(demo: Demo, event_id: str = EVENT) -> dict[str, Any]:
    headers = {"Authorization": "Bearer demo-upstream", "Prefer": "wait=2"}
    event = example("edr", datetime.now(UTC), event_id)
    return dict(httpx2.post(f"{demo.api}/v1/events", json=event, headers=headers).json())


def read(demo: Demo) -> dict[str, Any]:
    headers = {"Authorization": "Bearer demo-operator"}
    return dict(httpx2.get(f"{demo.api}/v1/events/miso/{EVENT}", headers=headers).json())


async def test_a_phone_is_answered_with_the_mouse(demo: Demo, page: Page) -> None:
    """Nobody answers by himself; a click on Answer and on key 1 keeps the deadline, and the page says so."""
    await page.goto(demo.standins)
    await page.locator("#scene").select_option("nobody answers")
    assert post(demo)["rings"] is True

    ringing = page.locator(".phone[data-state=ringing]").first
    await expect(ringing).to_be_visible()
    number = await ringing.get_attribute("data-phone")
    phone = page.locator(f'.phone[data-phone="{number}"]')
    await phone.locator("[data-hand=answer]").click()
    await expect(phone).to_have_attribute("data-state", "in call")
    await expect(phone.locator(".spoken")).to_contain_text("Reduce one two point five megawatts")
    await phone.locator("[data-key='1']").click()

    await expect(phone.locator(".spoken")).to_contain_text("You have accepted, and that counts.")
    await expect(page.locator("#feed li[data-channel=slack]", has_text=" accepted (voice, ")).to_be_visible()
    kept = until("a verdict", 5, lambda: (e := read(demo))["verdict"] and e)
    assert kept["verdict"]["outcome"] == "met"
    assert [(r["reply"], r["channel"], r["said"]) for r in kept["replies"]] == [("acknowledge", "voice", "1")]


async def test_a_phone_is_answered_by_ear_and_keyboard(demo: Demo, page: Page) -> None:
    """Who rings is said aloud, a phone's buttons are found by its name, what is said is read out line by line."""
    await page.goto(demo.standins)
    await page.get_by_label("Scene").select_option("nobody answers")
    assert post(demo, f"{EVENT}-2")["rings"] is True

    await expect(page.get_by_role("alert")).to_contain_text(": ringing")
    name = (await page.get_by_role("alert").inner_text()).split(":")[0]
    phone = page.get_by_role("article", name=name)
    await phone.get_by_role("button", name="Answer").press("Enter")
    await expect(phone.get_by_role("button", name="Key 1")).to_be_focused()
    log = phone.get_by_role("log", name="What is said")
    await expect(log).to_contain_text("Reduce one two point five megawatts")
    await log.locator("p").first.evaluate("line => { line.id = 'first' }")
    await page.keyboard.press("Enter")
    await expect(log).to_contain_text("You have accepted, and that counts.")
    await expect(log.locator("#first")).to_have_count(1)  # only what is new was added
    await expect(page.get_by_role("alert")).to_contain_text(f"{name}: idle")
    await expect(page.get_by_role("status")).to_be_empty()
