"""From scores to wishes: caps, bands, cash, and the order in which they come."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain.config import Sizing
from execution.domain.orders import Side
from execution.domain.sizing import Scored, Sleeve, Wish, size

RULES = Sizing()
BUFFER = Decimal("0.03")


def scored(symbol: str, score: str, price: str | None = "100") -> Scored:
    return Scored(symbol, Decimal(score), None if price is None else Decimal(price))


def a_sleeve(cash: str = "100000", **held: int) -> Sleeve:
    """A sleeve whose shares are worth 100 each."""
    shares = {symbol: Decimal(quantity) for symbol, quantity in held.items()}
    return Sleeve(Decimal(cash) + 100 * sum(shares.values()), Decimal(cash), shares)


def sized(
    *scores: Scored, sleeve: Sleeve | None = None, fractional: bool = False, **rules: object
) -> dict[str, Wish]:
    changed = msgspec.structs.replace(RULES, **rules)
    wishes = size(scores, sleeve or a_sleeve(), changed, BUFFER, fractional=fractional)
    return {wish.symbol: wish for wish in wishes}


def change(wish: Wish) -> Decimal:
    """Shares with their sign; 0 where nothing is to be done."""
    return {Side.BUY: 1, Side.SELL: -1, None: 0}[wish.side] * wish.quantity


@pytest.mark.parametrize(
    ("score", "held", "expected"),
    [
        # equity 100,000, at most 10 % of it in one symbol at 100: 100 shares
        ("1", 0, 100),
        ("0.5", 0, 100),  # a full score
        ("0.25", 0, 50),  # half of one
        ("0.15", 0, 30),  # enters at 0.15: 0.3 x 10 %
        ("0.149999", 0, 0),  # not yet
        ("0.149999", 50, 0),  # what is held stays between exit and entry
        ("0", 50, 0),
        ("-0.000001", 50, -50),  # below the exit all of it goes
        ("-1", 0, 0),  # never short
    ],
)
def test_a_score_asks_for_a_share_of_equity(score: str, held: int, expected: int) -> None:
    sleeve = a_sleeve(str(100_000 - 100 * held), **({"AAPL": held} if held else {}))
    assert change(sized(scored("AAPL", score), sleeve=sleeve)["AAPL"]) == expected


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        # the target is 100; a quarter of the larger of target and position is left alone
        (76, 0),  # 24 < 25
        (75, 25),
        (74, 26),
        (133, 0),  # 33 < 33.25
        (134, -34),
    ],
)
def test_small_changes_are_left_alone(held: int, expected: int) -> None:
    sleeve = Sleeve(Decimal(100_000), Decimal(80_000), {"AAPL": Decimal(held)})
    assert change(sized(scored("AAPL", "1"), sleeve=sleeve)["AAPL"]) == expected


def test_targets_are_scaled_to_the_gross_target() -> None:
    wishes = sized(*(scored(f"S{n:02}", "1") for n in range(20)), cash_reserve=Decimal(0))
    # 20 x 10 % = 200 %, so each gets 95 % / 20 = 4.75 %: 47 shares of 47.5
    assert {change(wish) for wish in wishes.values()} == {47}


def test_what_is_left_alone_counts_towards_the_gross_target() -> None:
    sleeve = a_sleeve("50000", KEPT=500)
    wishes = sized(
        scored("KEPT", "0.1"), *(scored(f"S{n:02}", "1") for n in range(10)), sleeve=sleeve
    )
    # 50 % stays as it is; 45 % are left for ten that ask for 10 % each: 4.5 % is 45 shares
    assert change(wishes["KEPT"]) == 0
    assert {change(wish) for symbol, wish in wishes.items() if symbol != "KEPT"} == {45}


def test_purchases_shrink_together_to_the_cash_less_its_reserve() -> None:
    sleeve = Sleeve(Decimal(100_000), Decimal(12_300), {})
    wishes = sized(scored("AAPL", "1"), scored("MSFT", "1"), sleeve=sleeve)
    # 12,300 less 2,000 in reserve for 2 x 100 x 103 = 20,600: half of each
    assert [change(wish) for wish in wishes.values()] == [50, 50]
    assert wishes["AAPL"].detail["cash_factor"] == "0.500000"


def test_no_cash_is_a_reason() -> None:
    wish = sized(scored("AAPL", "1"), sleeve=Sleeve(Decimal(100_000), Decimal(2_000), {}))["AAPL"]
    assert (wish.side, wish.detail["reason"]) == (None, "no cash left")


def test_the_strongest_newcomers_take_the_places_that_are_left() -> None:
    wishes = sized(
        scored("KEPT", "0.1"),
        scored("GROWN", "0.2"),
        scored("SOLD", "-1"),
        scored("WEAK", "0.3"),
        scored("STRONG", "0.4"),
        sleeve=a_sleeve(KEPT=10, GROWN=10, SOLD=10),
        max_positions=3,
    )
    bought = {symbol for symbol, wish in wishes.items() if change(wish) > 0}
    assert bought == {"GROWN", "STRONG"}
    assert change(wishes["SOLD"]) == -10


def test_fractional_accounts_buy_parts_of_shares() -> None:
    # 10 % of 100,000 at 300 are 33.333... shares
    price = scored("AAPL", "1", "300")
    assert change(sized(price)["AAPL"]) == 33
    assert change(sized(price, fractional=True)["AAPL"]) == Decimal("33.333333333")


@pytest.mark.parametrize("price", [None, "0"])
def test_without_a_price_nothing_can_be_sized(price: str | None) -> None:
    wish = sized(scored("AAPL", "1", price))["AAPL"]
    assert (wish.side, wish.detail["reason"]) == (None, "no reference price")


def test_a_sleeve_in_debt_closes_and_opens_nothing() -> None:
    sleeve = Sleeve(Decimal(-5), Decimal(-1_005), {"AAPL": Decimal(10)})
    wishes = sized(scored("AAPL", "1"), scored("MSFT", "1"), sleeve=sleeve)
    assert (change(wishes["AAPL"]), change(wishes["MSFT"])) == (-10, 0)


_scores = st.lists(
    st.builds(
        Scored,
        st.sampled_from([f"S{n}" for n in range(8)]),
        st.integers(-100, 100).map(lambda n: Decimal(n) / 100),
        st.integers(1, 100_000).map(lambda n: Decimal(n) / 100),
    ),
    unique_by=lambda one: one.symbol,
)
_held = st.dictionaries(
    st.sampled_from([f"S{n}" for n in range(8)]), st.integers(1, 500).map(Decimal), max_size=8
)


@given(_scores, _held, st.integers(-1_000, 200_000), st.booleans(), st.randoms())
def test_wishes_stay_within_cash_and_holdings_whatever_the_order_of_scores(
    scores: list[Scored], held: dict[str, Decimal], cash: int, fractional: bool, random: object
) -> None:
    prices = {one.symbol: one.price or Decimal(0) for one in scores}
    worth = sum((held[s] * prices.get(s, Decimal(0)) for s in held), Decimal(0))
    sleeve = Sleeve(cash + worth, Decimal(cash), held)
    wishes = size(scores, sleeve, RULES, BUFFER, fractional=fractional)
    spent = sum(w.quantity * prices[w.symbol] * (1 + BUFFER) for w in wishes if w.side == Side.BUY)
    assert spent <= max(Decimal(0), cash - RULES.cash_reserve * sleeve.equity)
    assert [wish.side == Side.BUY for wish in wishes] == sorted(w.side == Side.BUY for w in wishes)
    assert sorted(wish.symbol for wish in wishes) == sorted(prices)
    for wish in wishes:
        assert (wish.quantity > 0) == (wish.side is not None)
        if wish.side == Side.SELL:
            assert wish.quantity <= held[wish.symbol]
        if not fractional:
            assert wish.quantity % 1 == 0
    again = scores.copy()
    random.shuffle(again)  # type: ignore[attr-defined]
    assert size(again, sleeve, RULES, BUFFER, fractional=fractional) == wishes
