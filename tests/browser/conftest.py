"""A page of the system's Chromium, headless."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

WAIT_SECONDS = 10
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
async def page(chromium_binary: Path) -> AsyncIterator[Page]:
    """Fails a test that waits longer than WAIT_SECONDS for one thing, or whose page throws an error."""
    errors: list[object] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_binary, args=ARGUMENTS, chromium_sandbox=False
        )
        page = await browser.new_page()
        page.set_default_timeout(WAIT_SECONDS * 1000)
        page.on("pageerror", lambda error: errors.append(error))  # noqa: PLW0108  it marks the handler: a builtin refuses
        yield page
        await browser.close()
    assert errors == []
