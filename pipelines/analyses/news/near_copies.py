"""Groups near-copies of one story, so that a wire story counts once however often it is printed.

Belongs here: MinHash signatures of articles, and the first-known article of each group.
Keep out: what a story says, and which source is worth more.

An article joins the group of the earliest article that it nearly copies, among those known before
it and at most WINDOW earlier. Only articles known before decide, so cutting the data at any moment
gives every article before it the same group, and the order of the rows means nothing.
"""

import re
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pandas as pd
from datasketch import MinHash, MinHashLSH

PERMUTATIONS = 128
SAME_STORY = 0.7
"""Estimated Jaccard similarity of word shingles from which two articles are one story."""

LOOSE = 0.5
"""At which candidates are looked up, so that the estimate above decides and not the index."""

SHINGLE_WORDS = 3
LONGEST = 2000
"""Words that are compared; a copy that differs only later is a copy."""

FEWEST_SHINGLES = 6
"""A shorter text says too little; only the same words make it a copy."""

WINDOW = timedelta(days=5)
SEED = 1
WORD = re.compile(r"[^\W_]+")


def group(articles: pd.DataFrame) -> pd.DataFrame:
    """The articles with group_id: the article_id of the first-known article of their story.

    Needs article_id, known_at, title and text; returns the same rows in the same order. An article
    that has a group_id already keeps it, so that articles of the last WINDOW with theirs, and new
    ones without (missing values), give the new ones what the whole history would.
    """
    given = articles if "group_id" in articles else articles.assign(group_id=None)
    ordered = given.sort_values(["known_at", "article_id"], kind="stable")
    decided = ordered["group_id"].astype("object").where(ordered["group_id"].notna(), None)
    columns = [ordered[name] for name in ("article_id", "known_at", "title", "text")]
    stories = _Stories()
    groups = {
        article_id: stories.join(article_id, known_at, title, text, story)
        for article_id, known_at, title, text, story in zip(*columns, decided, strict=True)
    }
    return articles.assign(group_id=articles["article_id"].map(groups).astype("str"))


class _Stories:
    """What was known up to the article that joins next."""

    def __init__(self) -> None:
        self._index = MinHashLSH(threshold=LOOSE, num_perm=PERMUTATIONS)
        self._held: dict[str, tuple[pd.Timestamp, MinHash, str]] = {}
        self._short: dict[tuple[str, ...], tuple[pd.Timestamp, str]] = {}

    def join(
        self, article_id: str, known_at: pd.Timestamp, title: str, text: str, decided: str | None
    ) -> str:
        """The article's story: the one that was decided before, or that of what it copies."""
        self._forget(known_at - WINDOW)
        shingles = sorted(set(_shingles(f"{title}\n{text}")))
        if len(shingles) < FEWEST_SHINGLES:
            return self._exact(article_id, known_at, tuple(shingles), decided)
        signature = MinHash(num_perm=PERMUTATIONS, seed=SEED)
        signature.update_batch([shingle.encode() for shingle in shingles])
        story = decided or self._closest(signature) or article_id
        self._index.insert(article_id, signature, check_duplication=False)
        self._held[article_id] = (known_at, signature, story)
        return story

    def _exact(
        self, article_id: str, known_at: pd.Timestamp, words: tuple[str, ...], decided: str | None
    ) -> str:
        last, found = self._short.get(words, (known_at, article_id))
        story = decided or (found if known_at - last <= WINDOW else article_id)
        self._short[words] = (known_at, story)
        return story

    def _closest(self, signature: MinHash) -> str | None:
        """The story of the earliest article that is near enough; ties by id, never by chance."""
        near = [
            (known_at, key, story)
            for key in self._index.query(signature)
            for known_at, other, story in [self._held[key]]
            if _similarity(signature, other) >= SAME_STORY
        ]
        return min(near)[2] if near else None

    def _forget(self, before: pd.Timestamp) -> None:
        """Articles joined in the order of known_at, so the oldest stand in front."""
        while self._held and (key := next(iter(self._held))) and self._held[key][0] < before:
            self._index.remove(key)
            del self._held[key]


def _similarity(one: MinHash, other: MinHash) -> float:
    return float(np.mean(one.hashvalues == other.hashvalues))


def _shingles(text: str) -> Iterator[str]:
    words = WORD.findall(text.casefold())[:LONGEST]
    if len(words) < SHINGLE_WORDS:
        yield " ".join(words)
    for start in range(len(words) - SHINGLE_WORDS + 1):
        yield " ".join(words[start : start + SHINGLE_WORDS])
