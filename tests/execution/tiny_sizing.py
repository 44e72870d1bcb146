"""A distribution that brings a sizing method, as pip would have installed it.

Keep out: assertions.
"""

from pathlib import Path

from execution.plugins import GROUP

SOURCE = '''
from decimal import Decimal
from execution.domain.orders import Side
from execution.domain.sizing_method import Wish

class OneEach:
    """One share of whatever has a positive score and is not held."""

    def size(self, scores, sleeve, rules):
        for symbol, score in scores.items():
            wanted = score > 0 and not sleeve.held.get(symbol)
            side = Side.BUY if wanted else None
            yield Wish(symbol, side, Decimal(1), {"score": str(score)})

class NoMethod:
    pass
'''


def install(folder: Path, entry_points: str = "one_each = tiny_sizing_methods:OneEach") -> None:
    """Put it into a folder that is, or will be, on the path for imports."""
    (folder / "tiny_sizing_methods.py").write_text(SOURCE)
    info = folder / "tiny_sizing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-sizing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{entry_points}\n")
