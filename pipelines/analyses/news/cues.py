"""Words that stand beside a company's name, and tell it from an everyday word.

Belongs here: lower-case word lists of English business news.
Keep out: names of companies, and how the lists are used (linking.py).
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LEGAL_FORMS = _words(
    "inc incorporated corp corporation co company plc ltd limited llc group holdings holding "
    "stores ag nv sa se"
)

AFTER = _words(
    # verbs that a company is the subject of
    "says said reports reported posts posted announces announced unveils unveiled launches "
    "launched beats beat misses missed tops topped raises raised lowers lowered cuts slashes "
    "warns warned expects sees forecasts guides reaffirms names named appoints appointed hires "
    "fires ousts acquires acquired buys bought sells sold agrees agreed sues sued settles settled "
    "recalls recalled files filed plans wins won loses lost gains gained falls fell rises rose "
    "jumps jumped climbs climbed drops dropped slides slid surges surged soars soared plunges "
    "plunged tumbles tumbled slips slipped rallies rallied declares declared opens closes "
    "expands introduces introduced offers bids pays paid denies confirms confirmed has is was "
    "will would could may to upgraded downgraded initiated "
    # nouns that belong to a company
    "shares stock stockholders shareholders earnings profit profits revenue revenues results "
    "sales ceo cfo coo cto chairman chief executive executives spokesman spokeswoman board "
    "dividend buyback outlook guidance forecast quarter q1 q2 q3 q4 fy ipo investors analysts "
    "employees workers stores"
)

SIBLINGS = _words(
    "arena auto bank bioscience capital chemical chemicals charitable energy estates finance "
    "finserv foods foundation gas general global healthcare hospitality hotels industries infotech "
    "infra infrastructure insurance international lab laboratories labs life logistics media "
    "metals mills motor motors mutual paper petroleum pharma pharmaceutical pharmaceuticals power "
    "properties realty reit research resources retail securities sec software solar solutions "
    "steel street sugar systems tech technologies technology textiles tobacco trust tv tyre tyres "
    "university ventures"
)
"""A one-word name with one of these behind it, capitalised, is another company's ("Visa Steel")."""

BEFORE = _words(
    "retailer rival giant chain maker automaker bank insurer company firm stock shares parent "
    "upgrades downgrades initiates buys acquires sues owns reiterates maintains like unlike "
    "versus vs"
)

ANALYST = _words(
    "maintains reiterates initiates upgrades downgrades raises lowers assumes resumes coverage "
    "overweight underweight outperform underperform neutral buy hold sell bullish bearish"
)
