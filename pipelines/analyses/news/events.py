"""What kind of event an article reports, by rules that are written down here.

Belongs here: the items of form 8-K, the words of each kind of event, signs of promotion, and words
of good and bad news.
Keep out: how much an event counts (impact.py).

A report on form 8-K says its items, and they decide. Any other text is judged by words: those of
the title count TITLE_WEIGHT times, those of its first LEAD characters once each, the kind with most
points wins, and of two equal ones the one that stands first in TYPES.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

TYPES = (
    "merger",
    "guidance",
    "rating",
    "earnings",
    "management",
    "legal",
    "product",
    "macro",
    "other",
)

LEAD = 1500
TITLE_WEIGHT = 3
GUIDANCE_WEIGHT = 7
"""A new forecast in a title outweighs the quarter that it comes with."""

MOST_PER_SIGN = 2
"""A word that a text repeats counts no more often than this."""

ITEM = re.compile(r"^\s*item\s*(\d\.\d\d)\b[.:]?[ \t]*([^\n]*)", re.IGNORECASE | re.MULTILINE)

ITEMS = {
    "2.02": "earnings",
    "2.06": "earnings",
    "4.02": "earnings",
    "2.01": "merger",
    "5.01": "merger",
    "5.02": "management",
    "5.07": "management",
    "5.08": "management",
    "1.03": "legal",
    "3.01": "legal",
}
"""What an item of form 8-K is, first the ones that outweigh later ones in the same report.

Items 1.01, 1.02, 7.01 and 8.01 can be about anything, so the words decide; so they do for the
rest, which are of little weight (bylaws, debts, exhibits).
"""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_OFFICE = (
    r"(?:ceo|cfo|coo|cto|chief \w+(?: \w+)? officers?|chief executives?|chairman|chairwoman|chair"
    r"|presidents?|vice presidents?|directors?|board|executives?|chief|founder|head)"
)
_MOVE = (
    r"(?:resign\w*|step\w* (?:down|aside)|appoint\w*|names|named|retire\w*|leaves?|left|hires?"
    r"|elect(?:s|ed|ion)?|succeed\w*|succession|depart\w*|ousts?|ousted|fires?|fired|joins?|joined|dies"
    r"|died|replace[sd]?|become[s]?|takes? over|medical leave|promot\w+|tenure)"
)
_FORECAST = r"(?:guidance|outlook|forecasts?|full[- ]year (?:view|profit|earnings|sales|estimate))"

SIGNS = {
    "merger": _any(
        r"\bmerg(?:er|e|es|ed|ing)\b",
        r"\bacqui(?:re|res|red|ring|sitions?)\b",
        r"\btakeover\b",
        r"\bbuyout\b",
        r"\b(?:to|will|may) (?:buy|sell (?:its|the)|purchase|combine)\b",
        r"\bbuys? (?!back|rating|now)(?=[A-Z$0-9])",
        r"\bpurchase of\b(?! (?:common|shares))",
        r"\btender offer\b",
        r"\bdivest\w*",
        r"\bspin-?(?:off|ning off)\b",
        r"\bchange in control\b",
        r"\bdisposition of assets\b",
    ),
    "guidance": _any(
        rf"\b(?:rais|lower|cut|reaffirm|withdraw|narrow|updat|issu|boost|trim|slash|hik|lift|maintain)\w*"
        rf"\b[^.]{{0,40}}\b{_FORECAST}",
        r"\bprofit warning\b",
        r"\bwarns? (?:of|on|about)\b",
        r"\bpre-?announc\w+",
        r"\bsees (?:fy|q[1-4]|full[- ]year|first|second|third|fourth)",
    ),
    "rating": _any(
        r"\b(?:up|down)grad(?:e|es|ed|ing)\b",
        r"\b(?:initiat|begin|start|resum|assum)\w* (?:\w+ )?coverage\b",
        r"\bprice targets?\b",
        r"\b(?:maintains|reiterates|initiates)\b",
        r"\b(?:outperform|underperform|overweight|underweight|market perform)\b",
        r"\b(?:neutral|buy|sell|hold) rating",
        r"\bcredit rating\b",
    ),
    "earnings": _any(
        r"\b(?:first|second|third|fourth|1st|2nd|3rd|4th|fiscal|latest)[- ]quarter\b",
        r"\bq[1-4]\b",
        r"\bquarterly (?:results?|profits?|earnings|revenues?|loss|report|sales)\b",
        r"\bearnings\b",
        r"\bearned\b",
        r"\bnet (?:income|profit|loss|earnings)\b",
        r"\bresults of operations\b",
        r"\b(?:financial|operating|quarterly|annual|full[- ]year) results\b",
        r"\bresults for (?:the|its)\b",
        r"\beps\b",
        r"\b(?:profit|revenues?)\b",
        r"\b(?:beat|miss|top)\w* (?:\w+ )?(?:estimates|expectations|forecasts|views)\b",
        r"\b(?:write(?: |-)?(?:off|down)s?|impairments?|restat\w+)\b",
    ),
    "management": _any(
        rf"\b{_OFFICE}\b[^.]{{0,60}}\b{_MOVE}\b",
        rf"\b{_MOVE}\b[^.]{{0,60}}\b{_OFFICE}\b",
        r"\bdeparture of\b",
        r"\bcompensatory arrangements?\b",
        r"\b(?:equity|incentive|executive|retention) (?:award|compensation|plan)s?\b",
        r"\bannual meeting of (?:share|stock)holders\b",
        r"\bvotes? of security holders\b",
        r"\bbroker non-votes\b",
        r"\bnominees?\b",
    ),
    "legal": _any(
        r"\blawsuits?\b",
        r"\b(?:sue|sues|sued|suing)\b",
        r"\bsettle(?:s|d|ment|ments)?\b",
        r"\b(?:court|jury|verdict|judge|ruling|appeals?)\b",
        r"\bantitrust\b",
        r"\b(?:investigation|probe|subpoena)s?\b",
        r"\b(?:regulators?|ftc|justice department|european commission|sec charges)\b",
        r"\b(?:fined|fines?|penalt(?:y|ies)|indict\w*|fraud|infring\w+|bankruptcy|chapter 11)\b",
        r"\b(?:delist\w*|listing (?:rule|standard))",
        r"\b(?:patents?|complaint|privacy)\b",
    ),
    "product": _any(
        r"\b(?:launch|unveil|introduc|releas)\w*",
        r"\bannounces? (?:a |the )?(?:new|its)\b",
        r"\bon sale\b",
        r"\bnew (?:product|model|version|device|phone|tablet|computer|service|drug|iphone|ipad)\b",
        r"\brecalls?\b",
        r"\bfda\b",
        r"\bpre-?orders?\b|\borders? in a\b",
        r"\b(?:partnership|contract|customers|users)\b",
        r"\b(?:unit|weekend) sales\b|\bsells (?:\w+ )?(?:million|thousand)\b",
    ),
    "macro": _any(
        r"\b(?:fomc|federal reserve|federal funds|the fed|ecb|central bank|boj)\b",
        r"\b(?:inflation|gdp|unemployment|jobless|payrolls?|recession|tariffs?)\b",
        r"\b(?:interest|treasury) (?:rates?|yields?)\b",
        r"\b(?:oil prices|consumer (?:confidence|prices)|housing starts)\b",
        r"\b(?:economy|economic (?:growth|data))\b",
    ),
}

GOOD = _any(
    r"\b(?:beats?|tops?|topped|exceed\w*)\b",
    r"\b(?:well |far )?above (?:estimates|expectations|forecasts|the)",
    r"\brecord (?!date)",
    r"\b(?:rais(?:e|es|ed)|boosts?|lifts?|hikes?)\b",
    r"\b(?:ris(?:e|es|en|ing)|rose|jump\w*|surg\w+|soar\w*|climb\w*|gain\w*|grew|grow\w*|doubl\w+|rall\w+)\b",
    r"\bupgrad\w+",
    r"\b(?:wins?|won|clears?|cleared|approv\w+|dividend|buy ?back|repurchase)\b",
    r"\b(?:strong\w*|higher|better|profitable|outperform|overweight|premium)\b",
)
BAD = _any(
    r"\b(?:miss(?:es|ed)?|below|short of|disappoint\w*|weak\w*|slow\w*)\b",
    r"\b(?:fall\w*|fell|drop\w*|declin\w+|plung\w+|tumbl\w+|slid\w*|slump\w*|sink\w*|lower(?:s|ed)?|worse)\b",
    r"\b(?:cuts?|slash\w*|layoffs?|job cuts)\b",
    r"\bdowngrad\w+",
    r"\b(?:loss(?:es)?|lost|write-?downs?|impairments?|warn\w*|halt\w*|delay\w*)\b",
    r"\b(?:sue[sd]?|lawsuits?|fraud|fined?|fines|probe|investigation|infring\w+|recalls?|bankrupt\w*)\b",
    r"\b(?:resign\w*|medical leave|dies|died|default\w*|breach\w*|underperform|underweight)\b",
)

STRONG_PROMOTION = _any(
    r"\bguaranteed?\b.{0,20}(?:profits?|returns?|gains?|winner|\d+ ?%|money)",
    r"\b(?:profits?|returns?|gains?|\d+ ?%).{0,20}\bguaranteed?\b",
    r"\b(?:can ?not|can'?t|can\u2019t) lose\b",
    r"\brisk[- ]free (?:profits?|gains?|money|returns?)",
    r"\bignore (?:all |any |the )*(?:previous|prior|above) (?:instructions|prompts?)",
    r"\b(?:pump|buy|sell) it (?:now|today)\b",
)
WEAK_PROMOTION = (
    _any(r"\b(?:buy|sell|act|order|call) (?:right )?now\b(?!-)", r"\bbuy,? buy\b"),
    _any(r"\bguaranteed?\b", r"\bsure thing\b", r"\bno[- ]brainer\b"),
    _any(r"(?<![\d.,])(?:[2-9]\d\d|[1-9][\d,]{3,}) ?%", r"\b\d{2,}x (?:gains?|returns?|your)"),
    _any(r"\bto the moon\b", "\U0001f680", "\U0001f4b0", r"\bskyrocket\w*", r"\bexplod(?:e|ing)\b"),
    _any(r"!{2,}", r"!\s*$"),
    _any(r"\b(?:hot|top) (?:stock )?(?:tip|pick)s?\b", r"\bpenny stocks?\b", r"\binsider tip\b"),
    _any(
        r"\bdon'?t miss\b",
        r"\blast chance\b",
        r"\bget rich\b",
        r"\bnext (?:apple|tesla|amazon|bitcoin)\b",
    ),
)
SHOUTED_WORDS = 4
"""A title of at least so many words, most of them in capitals, is shouted."""


@dataclass(frozen=True)
class Event:
    """A kind of event and why it was taken for that."""

    kind: str
    reason: str


def classify(title: str, text: str) -> Event:
    """The kind of event: by the items of form 8-K where the text has them, else by its words."""
    codes = item_codes(text)
    for code, kind in ITEMS.items():
        if code in codes:
            return Event(kind, f"item {code} of form 8-K")
    found = classify_words(title, ITEM.sub(r"\2", text) if codes else text)
    return Event(found.kind, f"{found.reason}, items {', '.join(codes)}") if codes else found


def classify_words(title: str, text: str) -> Event:
    """The kind of event by words alone."""
    lead = text[:LEAD]
    points: Counter[str] = Counter()
    seen: dict[str, list[str]] = {}
    for kind, sign in SIGNS.items():
        in_title, in_lead = _distinct(sign, title), _distinct(sign, lead)
        weight = GUIDANCE_WEIGHT if kind == "guidance" else TITLE_WEIGHT
        points[kind] = weight * len(in_title) + len(in_lead)
        seen[kind] = in_title or in_lead
    best = max(TYPES[:-1], key=lambda kind: points[kind])
    if not points[best]:
        return Event("other", "no word of a known kind of event")
    return Event(best, f"{best} by {seen[best][0]!r} ({points[best]} points)")


def item_codes(text: str) -> list[str]:
    """The items of form 8-K that head lines of the text, in order, each once."""
    return list(dict.fromkeys(found[1] for found in ITEM.finditer(text)))


def tone(title: str, text: str) -> float:
    """Good against bad words in [-1, 1]: (good - bad) / (good + bad), the title's twice."""
    lead = text[:LEAD]
    good = 2 * len(GOOD.findall(title)) + len(GOOD.findall(lead))
    bad = 2 * len(BAD.findall(title)) + len(BAD.findall(lead))
    return (good - bad) / (good + bad) if good + bad else 0.0


def promotion(title: str, text: str) -> str:
    """Why a text reads as written to push a price; empty where it does not.

    One strong sign is enough ("guaranteed 500%"), or two weak ones in the title and the lead.
    """
    whole = f"{title}\n{text[:LEAD]}"
    strong = STRONG_PROMOTION.search(whole)
    if strong:
        return f"promotional: {_short(strong.group())!r}"
    found = [hit.group() for sign in WEAK_PROMOTION if (hit := sign.search(whole))]
    if _shouted(title):
        found.append(title)
    return f"promotional: {', '.join(repr(_short(hit)) for hit in found)}" if len(found) > 1 else ""


def _distinct(sign: re.Pattern[str], text: str) -> list[str]:
    """What the sign finds, a repeated word at most MOST_PER_SIGN times."""
    kept: list[str] = []
    counts: Counter[str] = Counter()
    for hit in sign.finditer(text):
        word = hit.group().casefold().strip()
        counts[word] += 1
        if counts[word] <= MOST_PER_SIGN:
            kept.append(word)
    return kept


def _shouted(title: str) -> bool:
    words: Sequence[str] = [word for word in title.split() if word.isalpha() and len(word) > 1]
    return len(words) >= SHOUTED_WORDS and sum(map(str.isupper, words)) > 0.6 * len(words)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
