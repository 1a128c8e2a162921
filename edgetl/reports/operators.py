"""Where the engines spend their time: the operators that take longest, and what is not accelerated."""

from collections.abc import Sequence

from edgetl.benchmarks.profile.results import Operator, Profile
from edgetl.reports.markup import Column, Html, join, table, tag, text
from edgetl.reports.page import Section
from edgetl.reports.units import UNKNOWN, format_number, format_share

_KINDS = 6


def operators(profiles: Sequence[Profile], machine: str) -> Section | None:
    """A table for each profile, or why there is none; None when nothing was profiled.

    Args:
        profiles: one for each variant that was asked for.
        machine: where they were made.
    """
    if not profiles:
        return None
    note = (
        f"One inference on {machine}, as the engine itself tells. Engines are slower while they profile: "
        "read shares, not latencies."
    )
    return Section("Operators", join(tag("p", text(note)), *(_profile(profile) for profile in profiles)))


def _profile(profile: Profile) -> Html:
    threads = (
        None if profile.threads is None else f"{profile.threads} thread{'' if profile.threads == 1 else 's'}"
    )
    title = ", ".join(filter(None, (profile.variant, profile.engine, threads)))
    heading = tag("h3", text(title))
    if profile.reason is not None:
        return join(heading, tag("p", text(f"{profile.reason[:1].upper()}{profile.reason[1:]}.")))
    shown = profile.kinds[:_KINDS]
    kinds = ", ".join(f"{kind.kind} {format_share(kind.share)} ({kind.count})" for kind in shown)
    rest = f", and {len(profile.kinds) - _KINDS} more" if len(profile.kinds) > _KINDS else ""
    said = f"{profile.operators} operators. By kind, with their number: {kinds}{rest}."
    if profile.plain:
        causes = "; ".join(dict.fromkeys(str(operator.plain) for operator in profile.plain))
        said += f" Not accelerated: {format_share(profile.plain_share)} of the time ({causes})."
    else:
        said += " All are accelerated."
    columns = [
        Column("Operator", numeric=False, breaks=True),
        Column("Kind", numeric=False),
        Column("Kernel", numeric=False, breaks=True),
    ]
    columns += [Column("Time"), Column("Share")]
    rows = [_row(profile, operator) for operator in profile.top]
    longest = f"The {len(rows)} that take longest" if len(rows) < profile.operators else "All operators"
    caption = f"{longest}, mean of {profile.runs} profiled inferences"
    return join(heading, tag("p", text(said)), table(caption, columns, rows))


def _row(profile: Profile, operator: Operator) -> list[Html]:
    share = profile.share(operator)
    plain = tag("small", text("not accelerated"), class_="invalid") if operator.plain else Html("")
    bar = tag(
        "span", tag("i", style=f"width:{100 * share / profile.share(profile.top[0]):.1f}%"), class_="share"
    )
    return [
        text(operator.name),
        join(text(operator.kind), plain),
        text(operator.kernel or UNKNOWN),
        text(f"{format_number(1000 * operator.seconds)} ms"),
        join(text(format_share(share)), bar),
    ]
