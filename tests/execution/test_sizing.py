"""From scores to wishes: caps, bands, cash, and the order in which they come."""

from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from execution.domain import money
from execution.domain.config import Sizing
from execution.domain.orders import Side
from execution.domain.sizing import wishes_of
from execution.domain.sizing_method import Facts, Sleeve, Wish

ZERO = Decimal(0)
RULES = Sizing()
BUFFER = Decimal("0.03")
HUNDRED = Facts(Decimal(100))


def of(**scores: str) -> dict[str, Decimal]:
    return {symbol: Decimal(score) for symbol, score in scores.items()}


def many(count: int, score: str = "1") -> dict[str, Decimal]:
    return {f"S{n:02}": Decimal(score) for n in range(count)}


def a_sleeve(
    cash: str = "100000",
    held: Mapping[str, int] | None = None,
    facts: Mapping[str, Facts] | None = None,
    **fields: Any,
) -> Sleeve:
    """A sleeve of shares that are worth 100 each where `facts` do not say otherwise."""
    shares = {symbol: Decimal(quantity) for symbol, quantity in (held or {}).items()}
    known = dict.fromkeys([f"S{n:02}" for n in range(30)] + ["AAPL", "MSFT", *shares], HUNDRED)
    equity = fields.pop("equity", Decimal(cash) + 100 * sum(shares.values()))
    return Sleeve(equity, Decimal(cash), shares, known | dict(facts or {}), BUFFER, **fields)


def sized(
    scores: Mapping[str, Decimal], sleeve: Sleeve | None = None, **rules: object
) -> dict[str, Wish]:
    wishes = wishes_of(scores, sleeve or a_sleeve(), msgspec.structs.replace(RULES, **rules))
    return {wish.symbol: wish for wish in wishes}


def change(wish: Wish) -> Decimal:
    """Shares with their sign; 0 where nothing is to be done."""
    return wish.quantity * wish.side.sign if wish.side else ZERO


def changes(wishes: Mapping[str, Wish]) -> dict[str, Decimal]:
    return {symbol: change(wish) for symbol, wish in wishes.items() if wish.side}


SHORT: dict[str, Any] = {"short": True, "volatility_target": None}
"""Rules of a strategy that opens short positions."""


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
        ("-1", 0, 0),  # not short, unless the strategy and the account both say so
    ],
)
def test_a_score_asks_for_a_share_of_equity(score: str, held: int, expected: int) -> None:
    sleeve = a_sleeve(str(100_000 - 100 * held), {"AAPL": held} if held else {})
    assert change(sized(of(AAPL=score), sleeve)["AAPL"]) == expected


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
    sleeve = a_sleeve("80000", {"AAPL": held}, equity=Decimal(100_000))
    assert change(sized(of(AAPL="1"), sleeve)["AAPL"]) == expected


@pytest.mark.parametrize(
    ("variance", "expected", "shown"),
    [
        # 40 % a year is a variance of 0.16 / 252 a session
        (Decimal("0.16") / 252, 100, "0.4000"),
        (Decimal("0.64") / 252, 50, "0.8000"),  # twice the target: half the weight
        (Decimal("0.01") / 252, 100, "0.1000"),  # calm symbols get no more than they ask for
        (Decimal(0), 100, "0.0000"),
        (None, 100, "unknown"),
    ],
)
def test_what_moves_more_than_the_target_gets_less(
    variance: Decimal | None, expected: int, shown: str
) -> None:
    sleeve = a_sleeve(facts={"AAPL": Facts(Decimal("99.99"), variance)})
    wish = sized(of(AAPL="1"), sleeve)["AAPL"]
    assert change(wish) == expected
    assert wish.detail["volatility"] == shown


def test_without_a_volatility_target_volatility_is_no_matter() -> None:
    sleeve = a_sleeve(facts={"AAPL": Facts(Decimal(100), Decimal(1))})
    wish = sized(of(AAPL="1"), sleeve, volatility_target=None)["AAPL"]
    assert (change(wish), "volatility" in wish.detail) == (100, False)


def test_symbols_of_one_sector_share_its_cap() -> None:
    tech = Facts(Decimal(100), sector="Technology")
    sleeve = a_sleeve(facts=dict.fromkeys(("S00", "S01", "S02", "S03"), tech))
    wishes = sized(many(5), sleeve)
    # 4 x 10 % share 25 %: 6.25 % each is 62 shares; the fifth has no sector
    assert [int(change(wishes[f"S{n:02}"])) for n in range(5)] == [62, 62, 62, 62, 100]
    assert wishes["S00"].detail["sector_factor"] == "0.625000"
    assert wishes["S00"].detail["sector"] == "Technology"


def test_what_a_sector_holds_counts_before_its_newcomers() -> None:
    tech = Facts(Decimal(100), sector="Technology")
    sleeve = a_sleeve(
        "80000", {"KEPT": 150, "UNSCORED": 50}, dict.fromkeys(("KEPT", "UNSCORED", "S00"), tech)
    )
    wishes = sized(of(KEPT="0.1", S00="1"), sleeve)
    # 15 % and 5 % stay: 5 % are left of 25 %
    assert changes(wishes) == {"S00": 50}
    full = sleeve._replace(held={"KEPT": Decimal(200), "UNSCORED": Decimal(60)})
    assert changes(sized(of(KEPT="0.1", S00="1"), full)) == {}


def test_targets_are_scaled_to_the_gross_target() -> None:
    wishes = sized(many(20), cash_reserve=ZERO)
    # 20 x 10 % = 200 %, so each gets 95 % / 20 = 4.75 %: 47 shares of 47.5
    assert {change(wish) for wish in wishes.values()} == {47}
    assert wishes["S00"].detail["gross_factor"] == "0.475000"


def test_what_is_left_alone_counts_towards_the_gross_target() -> None:
    sleeve = a_sleeve("50000", {"KEPT": 300, "UNSCORED": 200})
    wishes = sized(of(KEPT="0.1") | many(10), sleeve)
    # 50 % stays as it is; 45 % are left for ten that ask for 10 % each: 4.5 % is 45 shares
    assert change(wishes["KEPT"]) == 0
    assert {change(wish) for symbol, wish in wishes.items() if symbol != "KEPT"} == {45}


def test_purchases_shrink_together_to_the_cash_less_its_reserve() -> None:
    wishes = sized(of(AAPL="1", MSFT="1"), a_sleeve("12300", equity=Decimal(100_000)))
    # 12,300 less 2,000 in reserve for 2 x 100 x 103 = 20,600: half of each
    assert [change(wish) for wish in wishes.values()] == [50, 50]
    assert wishes["AAPL"].detail["cash_factor"] == "0.500000"


def test_no_cash_is_a_reason() -> None:
    wish = sized(of(AAPL="1"), a_sleeve("2000", equity=Decimal(100_000)))["AAPL"]
    assert (wish.side, wish.detail["reason"]) == (None, "no cash left")


def test_the_strongest_newcomers_take_the_places_that_are_left() -> None:
    wishes = sized(
        of(KEPT="0.1", GROWN="0.2", SOLD="-1", S00="0.3", S01="0.4"),
        a_sleeve(held={"KEPT": 10, "GROWN": 10, "SOLD": 10, "UNSCORED": 10}),
        max_positions=4,
    )
    bought = {symbol for symbol, wish in wishes.items() if change(wish) > 0}
    assert bought == {"GROWN", "S01"}
    assert change(wishes["SOLD"]) == -10
    assert wishes["S00"].detail["reason"] == "all 4 places are taken"


def test_fractional_accounts_buy_parts_of_shares() -> None:
    # 10 % of 100,000 at 300 are 33.333... shares
    sleeve = a_sleeve(facts={"AAPL": Facts(Decimal(300))})
    assert change(sized(of(AAPL="1"), sleeve)["AAPL"]) == 33
    parts = sized(of(AAPL="1"), sleeve._replace(fractional=True))["AAPL"]
    assert change(parts) == Decimal("33.333333333")


def test_orders_are_of_whole_lots_but_what_is_closed_goes_whole() -> None:
    lots = a_sleeve(
        "70000", {"MSFT": 130}, dict.fromkeys(("AAPL", "MSFT"), Facts(Decimal(30), lot=100))
    )
    assert changes(sized(of(AAPL="1", MSFT="-1"), lots)) == {"AAPL": 200, "MSFT": -130}


def test_an_odd_lot_that_is_held_stays_until_a_whole_lot_is_due() -> None:
    # 10 % of 100,000 at 50 are two lots; 130 are held
    lots = a_sleeve("93500", {"MSFT": 130}, {"MSFT": Facts(Decimal(50), lot=100)}, equity=100_000)
    assert changes(sized(of(MSFT="1"), lots)) == {}
    assert changes(sized(of(MSFT="1"), lots._replace(held={"MSFT": Decimal(90)}))) == {"MSFT": 100}


@pytest.mark.parametrize("price", [None, ZERO])
def test_without_a_price_nothing_can_be_sized(price: Decimal | None) -> None:
    sleeve = a_sleeve(facts={"AAPL": Facts(price)})
    wish = sized(of(AAPL="1"), sleeve)["AAPL"]
    assert (wish.side, wish.detail["reason"]) == (None, "no reference price")
    # and it takes nothing from those that have one
    assert (
        change(sized(of(AAPL="1", MSFT="1"), sleeve, gross_target=RULES.max_weight)["MSFT"]) == 100
    )


def test_a_sleeve_in_debt_closes_and_opens_nothing() -> None:
    sleeve = a_sleeve("-1005", {"AAPL": 10})
    wishes = sized(of(AAPL="1", MSFT="1"), sleeve)
    assert (change(wishes["AAPL"]), change(wishes["MSFT"])) == (-10, 0)


@pytest.mark.parametrize(
    ("score", "held", "expected"),
    [
        ("-1", 0, -100),
        ("-0.25", 0, -50),
        ("-0.149999", 0, 0),
        ("-0.1", -50, 0),  # between exit and entry a short position stays, too
        ("0.000001", -50, 50),  # beyond the exit it is bought back
        ("-0.5", -90, 0),  # within the no-trade band
        ("-0.5", -50, -50),
        ("-0.25", -100, 50),
        ("1", -50, 50),  # turned: closed first,
        ("-1", 50, -50),  # whichever way
    ],
)
def test_short_positions_mirror_long_ones(score: str, held: int, expected: int) -> None:
    sleeve = a_sleeve(str(100_000 - 100 * held), {"AAPL": held} if held else {}, shorting=True)
    wish = sized(of(AAPL=score), sleeve, **SHORT)["AAPL"]
    assert change(wish) == expected
    turned = held * Decimal(score) < 0 and abs(Decimal(score)) >= RULES.entry_score
    assert (wish.detail.get("reason") == "closed before it is turned") == turned


def test_a_strategy_that_may_not_short_any_more_buys_back() -> None:
    sleeve = a_sleeve("105000", {"AAPL": -50}, shorting=True)
    assert change(sized(of(AAPL="-1"), sleeve)["AAPL"]) == 50
    allowed_no_more = sleeve._replace(shorting=False)
    assert change(sized(of(AAPL="-1"), allowed_no_more, **SHORT)["AAPL"]) == 50


def test_the_proceeds_of_short_sales_buy_nothing() -> None:
    # 130,000 of cash, but 30,000 x 1.03 may be needed to buy back what is short
    sleeve = a_sleeve("130000", {"SOLD": -300}, shorting=True)
    wishes = sized(of(SOLD="-0.1") | many(10), sleeve, **SHORT, gross_target=Decimal(2))
    spent = sum(change(wish) for wish in wishes.values()) * 100 * (1 + BUFFER)
    assert spent <= 130_000 - 30_900 - 2_000
    assert wishes["S00"].detail["cash_factor"] == "0.942718"  # 97,100 / 103,000


def test_reductions_come_first_and_then_the_symbols_in_order() -> None:
    sleeve = a_sleeve(held={"B": 10, "Z": -10}, facts={"A": HUNDRED}, shorting=True)
    wishes = sized(of(A="1", B="-1", Z="1", S00="-1"), sleeve, **SHORT)
    assert list(wishes) == ["B", "Z", "A", "S00"]


def test_every_step_shows_its_numbers() -> None:
    facts = Facts(Decimal("120.50"), Decimal("0.64") / 252, "Technology")
    sleeve = a_sleeve("12000", equity=Decimal(100_000), facts={"AAPL": facts, "MSFT": facts})
    detail = sized(of(AAPL="0.4", MSFT="0.4"), sleeve, max_sector_weight=Decimal("0.06"))[
        "AAPL"
    ].detail
    assert detail == {
        "score": "0.4",
        "held": "0",
        "weight_of_score": "0.080000",
        "volatility": "0.8000",
        "weight_of_volatility": "0.040000",
        "sector": "Technology",
        "sector_factor": "0.750000",
        "weight": "0.030000",
        "price": "120.5",
        "target": "24",
    }


_symbols = [f"S{n:02}" for n in range(8)]
_sectors = st.sampled_from([None, "Energy", "Technology"])
_facts = st.builds(
    Facts,
    price=st.integers(1, 100_000).map(lambda n: Decimal(n) / 100),
    variance=st.none() | st.integers(0, 400).map(lambda n: Decimal(n) / 100_000),
    sector=_sectors,
    lot=st.sampled_from([1, 1, 1, 10]),
)
_scores = st.dictionaries(
    st.sampled_from(_symbols), st.integers(-100, 100).map(lambda n: Decimal(n) / 100)
)
_rules = st.builds(
    Sizing,
    short=st.booleans(),
    max_positions=st.integers(1, 8),
    max_sector_weight=st.sampled_from([Decimal("0.15"), Decimal("0.25")]),
    gross_target=st.sampled_from([Decimal("0.3"), Decimal("0.95"), Decimal("1.5")]),
    exit_score=st.sampled_from([ZERO, Decimal("-0.3")]),
    volatility_target=st.sampled_from([None, Decimal("0.4")]),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Decimal], Sleeve, Sizing]:
    held = draw(st.dictionaries(st.sampled_from(_symbols), st.integers(-300, 500).map(Decimal)))
    held = {symbol: quantity for symbol, quantity in held.items() if quantity}
    facts = {symbol: draw(_facts) for symbol in _symbols}
    cash = Decimal(draw(st.integers(-1_000, 200_000)))
    worth = sum((q * (facts[s].price or ZERO) for s, q in held.items()), ZERO)
    flags = {"fractional": draw(st.booleans()), "shorting": draw(st.booleans())}
    sleeve = Sleeve(cash + worth, cash, held, facts, BUFFER, **flags)
    return draw(_scores), sleeve, draw(_rules)


def targets(wishes: list[Wish], sleeve: Sleeve) -> dict[str, Decimal]:
    """Weights that new wishes lead to, of what is not simply closed; signed."""
    found = {}
    for wish in wishes:
        after = sleeve.held.get(wish.symbol, ZERO) + change(wish)
        if wish.side and after:
            price = sleeve.facts[wish.symbol].price
            assert price is not None
            found[wish.symbol] = after * price / sleeve.equity
    return found


@given(cases())
def test_no_weight_exceeds_its_caps(case: tuple[dict[str, Decimal], Sleeve, Sizing]) -> None:
    scores, sleeve, rules = case
    assume(sleeve.equity > 0)
    with localcontext(money.CONTEXT):
        wishes = wishes_of(scores, sleeve, rules)
        found = targets(wishes, sleeve)
        bought = {w.symbol for w in wishes if change(w) * sleeve.held.get(w.symbol, change(w)) > 0}
        grown = {symbol: abs(found[symbol]) for symbol in bought}
        kept = left_alone(wishes, sleeve)
        assert all(weight <= rules.max_weight for weight in grown.values())
        total = sum(grown.values(), ZERO)
        assert total <= max(ZERO, rules.gross_target - sum(kept.values(), ZERO))
        for sector in ("Energy", "Technology"):
            newly = sum((w for s, w in grown.items() if sleeve.facts[s].sector == sector), ZERO)
            stays = sum((w for s, w in kept.items() if sleeve.facts[s].sector == sector), ZERO)
            assert newly <= max(ZERO, rules.max_sector_weight - stays)


def left_alone(wishes: list[Wish], sleeve: Sleeve) -> dict[str, Decimal]:
    """The share of the equity of what has no score, or one between exit and entry."""
    sized_ones = {w.symbol for w in wishes if w.detail.get("reason") != "between exit and entry"}
    return {
        symbol: abs(quantity) * (sleeve.facts[symbol].price or ZERO) / sleeve.equity
        for symbol, quantity in sleeve.held.items()
        if symbol not in sized_ones
    }


@given(cases())
def test_only_what_may_be_short_becomes_short(
    case: tuple[dict[str, Decimal], Sleeve, Sizing],
) -> None:
    scores, sleeve, rules = case
    for wish in wishes_of(scores, sleeve, rules):
        held = sleeve.held.get(wish.symbol, ZERO)
        if held + change(wish) < min(ZERO, held):
            assert rules.short
            assert sleeve.shorting


@given(cases())
def test_a_position_is_never_turned_in_one_step(
    case: tuple[dict[str, Decimal], Sleeve, Sizing],
) -> None:
    scores, sleeve, rules = case
    for wish in wishes_of(scores, sleeve, rules):
        before = sleeve.held.get(wish.symbol, ZERO)
        assert before * (before + change(wish)) >= 0


@given(cases())
def test_purchases_fit_the_cash_less_its_reserve(
    case: tuple[dict[str, Decimal], Sleeve, Sizing],
) -> None:
    scores, sleeve, rules = case
    worst = {s: (f.price or ZERO) * (1 + BUFFER) for s, f in sleeve.facts.items()}
    opens = [
        w
        for w in wishes_of(scores, sleeve, rules)
        if w.side == Side.BUY and sleeve.held.get(w.symbol, ZERO) >= 0
    ]
    owed = sum((-q * worst[s] for s, q in sleeve.held.items() if q < 0), ZERO)
    free = sleeve.cash - owed - rules.cash_reserve * sleeve.equity
    assert sum((w.quantity * worst[w.symbol] for w in opens), ZERO) <= max(ZERO, free)


@given(cases(), st.randoms())
def test_the_order_of_scores_is_no_matter(
    case: tuple[dict[str, Decimal], Sleeve, Sizing], random: Any
) -> None:
    scores, sleeve, rules = case
    wishes = wishes_of(scores, sleeve, rules)
    assert sorted(wish.symbol for wish in wishes) == sorted(scores)
    shuffled = list(scores.items())
    random.shuffle(shuffled)
    facts = list(sleeve.facts.items())
    random.shuffle(facts)
    assert wishes_of(dict(shuffled), sleeve._replace(facts=dict(facts)), rules) == wishes


@given(cases(), st.integers(2, 50))
def test_targets_scale_with_the_equity(
    case: tuple[dict[str, Decimal], Sleeve, Sizing], factor: int
) -> None:
    scores, sleeve, rules = case
    facts = {symbol: each._replace(lot=1) for symbol, each in sleeve.facts.items()}
    small = sleeve._replace(fractional=True, facts=facts)
    large = small._replace(
        equity=small.equity * factor,
        cash=small.cash * factor,
        held={symbol: quantity * factor for symbol, quantity in small.held.items()},
    )
    less = {w.symbol: change(w) for w in wishes_of(scores, small, rules)}
    for wish in wishes_of(scores, large, rules):
        # shares and weights are rounded to 9 decimals
        assert abs(change(wish) - factor * less[wish.symbol]) <= factor * Decimal("0.001")


@given(cases())
def test_the_band_is_respected(case: tuple[dict[str, Decimal], Sleeve, Sizing]) -> None:
    scores, sleeve, rules = case
    for wish in wishes_of(scores, sleeve, rules):
        held = sleeve.held.get(wish.symbol, ZERO)
        after = held + change(wish)
        if wish.side and held and after and "cash_factor" not in wish.detail:
            target = Decimal(wish.detail["target"])
            assert wish.quantity >= rules.no_trade_band * max(abs(target), abs(held))
