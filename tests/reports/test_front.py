"""The picture and the table of ``--backbone auto``."""

from choices import choice

from edgetl.manifest import Interval
from edgetl.reports import sections
from edgetl.reports.tradeoff_chart import Spot, drawing, front


def test_the_table_has_every_candidate_and_the_reason_of_each() -> None:
    html = sections.front(choice()).html
    assert html.count('<th scope="row"') == 13
    assert "Picked: efficientnet_lite2, 160 px" in html
    assert "may take 900 ms, over 30 ms" in html
    assert "estimated, not measured, for int8 on Raspberry Pi 4B" in html


def test_without_latencies_there_is_a_table_alone() -> None:
    bare = choice()
    for one in bare["candidates"]:
        one["latency"] = None
    html = sections.front(bare).html
    assert "<svg" not in html
    assert html.count('<th scope="row"') == 13


def test_the_front_leads_along_what_nothing_beats() -> None:
    def spot(latency_s: float, accuracy: float) -> Spot:
        return Spot("a", latency_s, Interval(accuracy, accuracy, accuracy), 1, False, False)

    spots = [spot(0.02, 0.9), spot(0.01, 0.8), spot(0.03, 0.85), spot(0.04, 0.95), spot(0.01, 0.7)]
    assert front(spots) == [1, 0, 3]
    html = drawing(spots, 326, 460, what="candidates", latency="median", dashed=None, joined=True)
    assert html.count(",") > 3
    assert 'class="front"' in html
    assert 'class="front"' not in drawing(spots, 326, 460, what="candidates", latency="median", dashed=None)
