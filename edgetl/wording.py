"""Numbers in sentences."""


def counted(count: int, one: str, many: str | None = None) -> str:
    """``1 photo``, ``1,204 photos``."""
    return f"{count:,} {agreeing(count, one, many or one + 's')}"


def agreeing(count: int, one: str, many: str) -> str:
    """The word that goes with a number: ``is`` or ``are``."""
    return one if count == 1 else many
