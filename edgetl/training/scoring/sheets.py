"""The hardest pictures as a sheet for the page."""

from collections.abc import Sequence
from pathlib import Path

from edgetl import images
from edgetl.contract import Contract
from edgetl.errors import ImageError
from edgetl.reports import sections
from edgetl.reports.page import Section
from edgetl.reports.units import format_share
from edgetl.training.scoring.hardest import Hard


def hardest(items: Sequence[Hard], root: Path, contract: Contract, *, split: str) -> Section:
    """Pictures as the model sees them, each with what it is, what it was taken for and how surely.

    Args:
        items: from ``hardest.of``.
        root: of the dataset.
        contract: size and resize rule.
        split: where they come from.
    """
    shown = []
    for item in items:
        try:
            pixels = images.decode(root / item.path, contract)
        except ImageError:  # it was there when its features were computed, and may be gone by now
            continue
        said = f"taken for {item.answer}" if item.wrong else "right, but unsure"
        shown.append((pixels, f"{item.label}, {said}, {format_share(item.score)}: {Path(item.path).name}"))
    wrong = sum(item.wrong for item in items)
    note = (
        f"Pictures of the {split} split as the model sees them: {wrong} wrong answers, the surest first, "
        f"where the label may be what is wrong; then {len(items) - wrong} right ones, the least sure first."
    )
    return sections.pictures("The hardest pictures", shown, note=note)
