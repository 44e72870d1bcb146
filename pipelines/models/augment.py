"""Changes of a training headline that leave its label true, or turn it with the words it turns on.

Belongs here: what a reader would label the same: another company, other figures, another currency,
another name of the company. Keep out: anything used outside training.

Casing is not among them: the vocabulary of the encoder is lower case.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipelines.models.examples import Example

_CASHTAG = re.compile(r"\$[A-Z]{1,5}\b\s*[-:]?\s*")
_FIGURE = re.compile(r"\d+")
_TURNS = (
    ("rises", "falls"), ("rise", "fall"), ("rose", "fell"), ("rising", "falling"),
    ("gains", "loses"), ("gain", "lose"), ("gained", "lost"), ("jumps", "slumps"),
    ("jump", "slump"), ("jumped", "slumped"), ("surges", "plunges"), ("surge", "plunge"),
    ("surged", "plunged"), ("soars", "tumbles"), ("soar", "tumble"), ("climbs", "slides"),
    ("climb", "slide"), ("climbed", "slid"), ("up", "down"), ("higher", "lower"),
    ("increased", "decreased"), ("increases", "decreases"), ("grew", "shrank"),
    ("beats", "misses"), ("beat", "miss"), ("tops", "misses"), ("upgrades", "downgrades"),
    ("upgraded", "downgraded"), ("upgrade", "downgrade"), ("raises", "cuts"), ("raised", "cut"),
    ("strong", "weak"), ("bullish", "bearish"), ("improves", "worsens"),
)  # fmt: skip
_OTHER_WAY = {**{b: a for a, b in _TURNS}, **dict(_TURNS)}
_ABROAD = (
    (re.compile(r"\bRs\.?\s*(?=\d)"), ("$", "EUR ", "GBP ", "USD ")),
    (re.compile(r"\bcrores?\b|\bcr\b", re.IGNORECASE), ("million", "mln", "billion", "mn")),
    (re.compile(r"\blakhs?\b", re.IGNORECASE), ("thousand", "million")),
    (re.compile(r"\bSensex\b"), ("the Dow", "the FTSE", "the DAX", "the index")),
    (re.compile(r"\bNifty\b"), ("the S&P 500", "the Nasdaq", "the Nikkei", "the index")),
    (re.compile(r"\bRBI\b"), ("the Fed", "the ECB", "the central bank")),
)
_MASKS = ("the company", "the firm", "the group", "the stock")


@dataclass
class Augment:
    """Changes by chance, the same for the same seed. Shares are those of the examples changed."""

    names: Sequence[str]
    aliases: Mapping[str, Sequence[str]]
    seed: int
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - training data, not a secret

    def __call__(self, example: Example) -> Example:
        """Another reading of the example; most often several changes at once, or none."""
        for change, share in (
            (self._turned, 0.10),
            (self._without_cashtags, 0.40),
            (self._about_its_cashtag, 0.30),
            (self._renamed, 0.35),
            (self._by_its_alias, 0.15),
            (self._abroad, 0.35),
            (self._other_figures, 0.30),
        ):
            if self.chance.random() < share:
                example = change(example)
        return example

    def _renamed(self, example: Example) -> Example:
        """Every company replaced by another, or by `the company`."""
        text, entity = example.text, example.entity
        renamed: list[str] = []
        for name in sorted(example.entities, key=len, reverse=True):
            pool = _MASKS if self.chance.random() < 0.25 else self.names
            other = self.chance.choice(pool)
            if other in renamed:
                return example
            renamed.append(other)
            text = _replaced(re.compile(rf"(?<!\w){re.escape(name)}(?!\w)"), other, text)
            entity = other if entity == name else entity
        return replace(example, text=text, entity=entity, entities=tuple(renamed))

    def _by_its_alias(self, example: Example) -> Example:
        """The company asked for by another of its names than the headline's."""
        others = self.aliases.get(example.entity)
        if not others:
            return example
        return replace(example, entity=self.chance.choice(others))

    def _without_cashtags(self, example: Example) -> Example:
        text = _CASHTAG.sub("", example.text).strip()
        if example.entity or not text:
            return example
        return replace(example, text=text)

    def _about_its_cashtag(self, example: Example) -> Example:
        """A tweet with one cashtag is about that company."""
        if not example.is_tweet or len(example.entities) != 1:
            return example
        return replace(example, entity=example.entities[0])

    def _abroad(self, example: Example) -> Example:
        """Currencies, units, indices and central banks of another market."""
        text = example.text
        for pattern, others in _ABROAD:
            text = _replaced(pattern, self.chance.choice(others), text)
        return replace(example, text=text)

    def _other_figures(self, example: Example) -> Example:
        """Other digits, as many; a first digit stays above 0."""
        text = _FIGURE.sub(self._figure, example.text)
        if example.entity and example.entity not in text:
            return example
        return replace(example, text=text)

    def _figure(self, match: re.Match[str]) -> str:
        digits = len(match.group())
        return str(self.chance.randrange(10 ** (digits - 1), 10**digits))

    def _turned(self, example: Example) -> Example:
        """The one word of direction turned round, and the label with it.

        Only for a headline of one company, a label that is not neutral and one such word: of two,
        which one the label rests on is unknown.
        """
        words = example.text.split()
        places = [at for at, word in enumerate(words) if word in _OTHER_WAY]
        if len(places) != 1 or len(example.entities) > 1 or example.weights[1] > 0:
            return example
        words[places[0]] = _OTHER_WAY[words[places[0]]]
        negative, neutral, positive = example.weights
        return replace(example, text=" ".join(words), weights=(positive, neutral, negative))


def _replaced(pattern: re.Pattern[str], other: str, text: str) -> str:
    """Every match replaced by `other`, whose backslashes mean themselves."""
    return pattern.sub(lambda _: other, text)
