"""Who asks for pages and is no shopper. Pure."""

from __future__ import annotations

import re

#: Words in the names robots give themselves.
_WORDS = re.compile(
    r"bot\b|bot/|bots\b|crawl|spider|slurp|headless|lighthouse|pagespeed|preview|prerender|"
    r"facebookexternalhit|embedly|pingdom|uptime|monitor|phantomjs|puppeteer|playwright|"
    r"selenium|wget|curl/|python-requests|go-http-client|java/|libwww|scrapy|archiver|"
    r"feedfetcher|mediapartners|gtmetrix|chrome-lighthouse|w3c_validator",
    re.IGNORECASE,
)


def is_bot(user_agent: str) -> bool:
    """Say whether a user agent calls itself a robot, or does not say what it is."""
    return not user_agent.strip() or _WORDS.search(user_agent) is not None
