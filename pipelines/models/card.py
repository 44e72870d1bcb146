"""The model card: what the shipped model is, how good it is, and what it is not for.

Belongs here: filling the template (card_template.md). Keep out: measuring what goes into it.
"""

from collections import Counter
from pathlib import Path

from pipelines.analyses.sentiment.pooling import LABELS
from pipelines.models.examples import Example, Split
from pipelines.models.export import Exported
from pipelines.models.shipped import MODEL, read_config

CARD = "CARD.md"

TEMPLATE = Path(__file__).parent / "card_template.md"


def write_card(exported: Exported, split: Split, epochs: int, minutes: float) -> Path:
    """Write the card of an exported folder; the path."""
    config = read_config(exported.folder)
    parts = {
        "training": split.train,
        "stopping": split.stopping,
        "SEntFiN held out": split.sentfin_held_out,
        "TFNS validation": split.tfns_valid,
    }
    text = TEMPLATE.read_text("utf-8").format(
        megabytes=(exported.folder / MODEL).stat().st_size / 1e6,
        model_hash=config.sha256[MODEL],
        trained_until=config.trained_until,
        minutes=minutes,
        epochs=epochs,
        counts="\n".join(_counts(name, examples) for name, examples in parts.items()),
        **exported.figures,
    )
    path = exported.folder / CARD
    path.write_text(text, "utf-8")
    return path


def _counts(name: str, examples: list[Example]) -> str:
    labels = Counter(example.label for example in examples)
    cells = [name, f"{len(examples):,}", *(f"{labels[at]:,}" for at in range(len(LABELS)))]
    return f"| {' | '.join(cells)} |"
