"""The curves of a fine-tuning."""

import re
from typing import Any

from edgetl.reports import sections

TOLD: dict[str, Any] = {
    "options": {"augment": "turns"},
    "judged_on": "held-out train",
    "adopted": True,
    "why": "better beyond noise: right on 90 of 100",
    "photos": 100,
    "layers": 12,
    "parameters": 2_400_000,
    "cut": "stage4_block2_add",
    "best_epoch": 2,
    "backend": "tensorflow",
    "p_accuracy": 0.02,
    "epochs": [
        {"epoch": 1, "rate": 0.001, "loss": 0.6, "val_loss": 0.5, "val_accuracy": 0.8},
        {"epoch": 2, "rate": 0.0005, "loss": 0.5, "val_loss": 0.4, "val_accuracy": 0.9},
        {"epoch": 3, "rate": 0.0, "loss": 0.4, "val_loss": 0.45, "val_accuracy": 0.88},
    ],
}


def test_a_run_without_fine_tuning_has_no_section() -> None:
    assert sections.learning(None) is None


def test_each_curve_goes_over_all_epochs_and_the_kept_one_is_marked() -> None:
    section = sections.learning(TOLD)
    assert section is not None
    curves = re.findall(r'<path d="M([^"]+)" class="curve"', section.html)
    assert [re.findall(r"(?:^|L)([\d.]+) ", curve) for curve in curves] == [["0.00", "50.00", "100.00"]] * 3
    assert section.html.count('x1="50.00%" x2="50.00%"') >= 3
    assert "yes: better beyond noise" in section.html
    assert "2,400,000 numbers" in section.html


def test_one_that_was_not_tried_says_why() -> None:
    told = {"options": {"augment": "none"}, "adopted": False, "why": "not tried: 4 photos would judge it"}
    section = sections.learning({**told, "judged_on": "val"})
    assert section is not None
    assert "no: not tried: 4 photos would judge it" in section.html
    assert "<svg" not in section.html


def test_a_training_of_one_epoch_is_drawn() -> None:
    section = sections.learning({**TOLD, "epochs": TOLD["epochs"][:1], "best_epoch": 0})
    assert section is not None
    assert "M0.00" in section.html
