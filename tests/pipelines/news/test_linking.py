"""Companies in texts: names and tickers of the table, and everyday words that are none."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyses.news.linking import Company, Linker, link, relevances
from pipelines.sources.news.companies import linker, read_companies

LINKER = linker()


def symbols(title: str, text: str = "") -> set[str]:
    return set(relevances(LINKER, title, text))


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Apple unveils the iPhone 5", {"AAPL"}),
        ("APPLE BEATS ESTIMATES", {"AAPL"}),
        ("Apple's shares fall", {"AAPL"}),
        ("Apple pie recipes for autumn", set()),
        ("Washington's apple growers expect a record harvest", set()),
        ("Apple orchards hit by frost", set()),
        ("An apple a day", set()),
        ("Visa raises its forecast as spending grows", {"V"}),
        ("Visa Inc. beats estimates", {"V"}),
        ("Visa's revenue rises", {"V"}),
        ("New visa rules for students", set()),
        ("Visa rules tighten for students", set()),
        ("Tourist visa suspended", set()),
        ("How to get a Visa Application right", set()),
        ("Target cuts guidance after breach", {"TGT"}),
        ("Target Corporation names a new chief", {"TGT"}),
        ("Shares of retailer Target fall", {"TGT"}),
        ("Credit Suisse Maintains Neutral on Target, Raises Price Target to $88", {"TGT"}),
        ("Analysts raise price target on stocks", set()),
        ("Hackers target retailers", set()),
        ("Target inflation, economists say", set()),
        ("Fed Misses Its Inflation Target", set()),
        ("A strong quarter for A listers", set()),
        ("ALL retailers report on Friday", set()),
        ("Allstate reports; all eyes on Friday", {"ALL"}),
        ("Agilent Technologies rises", {"A"}),
        ("(NYSE: A) rises 3 percent", {"A"}),
        ("$ALL falls", {"ALL"}),
        ("It costs A$ 5", set()),
        ("Ford recalls trucks", {"F"}),
        ("Ford Foundation gives to schools", set()),
        ("Amazon rainforest burns", set()),
        ("Amazon.com reports record sales", {"AMZN"}),
        ("Dow Jones closes above 13,000", set()),
        ("Dow Chemical raises prices", {"DOW"}),
        ("AT&T and Verizon raise prices", {"T", "VZ"}),
        ("Facebook buys Instagram", {"FB", "META"}),
        ("Google to buy Motorola Mobility", {"GOOG", "GOOGL"}),
        ("Nothing about anybody", set()),
    ],
)
def test_names_and_everyday_words(title: str, expected: set[str]) -> None:
    assert symbols(title) == expected


def test_a_full_name_elsewhere_makes_an_everyday_word_sure() -> None:
    text = "Target Corporation opened a shop. On Monday, Target hired."
    assert len(LINKER.mentions(text)) == 2
    assert len(LINKER.mentions("On Monday, Target hired.")) == 0


def test_a_text_cannot_claim_to_be_about_a_company() -> None:
    """Tags, invented codes and orders link nothing; a ticker alone links weakly."""
    for text in ("symbols: AAPL, MSFT", "ticker=AAPL", "This is about AAPL.", "BUY XYZQ NOW"):
        assert symbols(text) == set(), text
    assert relevances(LINKER, "$AAPL is about to explode", "") == {"AAPL": 0.4}


def test_hidden_characters_do_not_make_a_name() -> None:
    assert symbols("Ap\u200bple rises") == set()


def test_relevance_is_highest_for_what_the_title_is_about() -> None:
    text = "Apple said it sold more. Samsung and Google sold less. Apple rose."
    found = relevances(LINKER, "Apple beats Google in phones", text)
    assert 1 > found["AAPL"] > found["GOOG"] > 0.5
    aside = relevances(LINKER, "Stocks rise", "Apple rose. Microsoft fell. Intel fell. IBM fell.")
    assert all(0 < score < 0.2 for score in aside.values())


def test_a_list_of_companies_is_about_none_of_them() -> None:
    title = "Apple, Google, Microsoft, Intel and IBM among the movers of the day"
    assert max(relevances(LINKER, title, "").values()) == pytest.approx(0.4)


def test_the_house_that_rates_is_not_what_the_news_is_about() -> None:
    found = relevances(LINKER, "Goldman Sachs upgrades Apple to Buy", "")
    assert found["AAPL"] == pytest.approx(0.8)
    assert found["GS"] == pytest.approx(0.1)


def test_the_frame_is_sorted_and_typed() -> None:
    rows = [("b", "s", "", "IBM and Apple rise", ""), ("a", "s", "", "Nobody", "")]
    frame = pd.DataFrame(rows, columns=["article_id", "source", "url", "title", "text"])
    found = link(frame, LINKER)
    assert found["symbol"].tolist() == ["AAPL", "IBM"]
    assert found["relevance"].dtype == "float64"
    empty = link(frame.head(0), LINKER)
    assert list(empty.columns) == list(found.columns)


def test_the_longest_name_wins_and_names_never_overlap() -> None:
    table = Linker(
        [Company(("B",), ("Bank of America",)), Company(("M",), ("Bank of America Merrill",))]
    )
    found = table.mentions("Bank of America Merrill Lynch and Bank of America")
    assert [mention.company.symbols for mention in found] == [("M",), ("B",)]


@given(st.text(alphabet=st.sampled_from("AaplTrgetVis &.'$():\u00e9\n"), max_size=80))
def test_any_text_gives_mentions_inside_it_in_order(text: str) -> None:
    found = LINKER.mentions(text)
    ends = [0, *[mention.end for mention in found]]
    assert all(mention.start >= end for mention, end in zip(found, ends, strict=False))
    assert all(0 < score <= 1 for score in relevances(LINKER, text, text).values())


def test_the_table_covers_the_sample_and_repeats_no_symbol() -> None:
    assert {"AAPL", "FB", "GOOG", "IBM", "MSFT"} <= set(LINKER._of_symbol)
    assert len(LINKER._of_symbol) > 600


def test_a_table_of_ones_own_is_read() -> None:
    lines = ["# mine", "symbols,cik,names,everyday,not_beside", "X|Y,12,Xco|Ex,Ex,"]
    [company] = read_companies(lines)
    assert company == Company(("X", "Y"), ("Xco", "Ex"), "12", frozenset({"Ex"}))
