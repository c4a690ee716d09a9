"""What a campaign's keeper types."""

from playwright.sync_api import Page


def type_campaign(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("Winter bread")
    page.get_by_label("Percent off").fill("10")
    page.get_by_label("Never more than").fill("5,000")
    page.get_by_text("Beside other campaigns").click()
    page.get_by_label("Group", exact=True).fill("welcome")
    page.get_by_label("Budget", exact=True).fill("2,000,000")
    page.keyboard.press("Tab")
