"""What the news tests share: one web site on loopback per test."""

from collections.abc import Iterator

import pytest

from tests.pipelines.news.site import Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as found:
        yield found
