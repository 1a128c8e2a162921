"""The demo's dataset is the real one, split the same way every time."""

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from edgetl import demo


def test_solar_cells_are_split_75_to_25_in_each_class() -> None:
    pytest.importorskip("elpv_dataset", reason="needs the photos of the package elpv-dataset")
    lines = list(csv.DictReader(io.StringIO(demo.solar_csv())))
    counts = Counter((line["label"], line["split"]) for line in lines)
    assert counts == {
        ("defective", "train"): 616,
        ("defective", "test"): 205,
        ("functional", "train"): 1352,
        ("functional", "test"): 451,
    }
    assert all(Path(line["path"]).is_file() for line in lines)
    assert len({line["path"] for line in lines}) == 2624
    assert demo.solar_csv() == demo.solar_csv()
