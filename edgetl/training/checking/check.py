"""``edgetl check``: everything that is wrong with photos and labels, not only the first thing."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from edgetl import files
from edgetl.errors import UsageError
from edgetl.progress import SILENT, Progress
from edgetl.reports import checked, pages
from edgetl.training import backbones, dataset, features, listing, prepare, rules
from edgetl.training.arrays import Floats
from edgetl.training.checking import (
    claims,
    classes,
    colours,
    copies,
    duplicates,
    exposure,
    fixing,
    listed,
    mislabelled,
    pictures,
    shift,
    shortcuts,
    sizes,
    suspects,
    thumbnails,
    unreadable,
)
from edgetl.training.checking.findings import SEVERITIES, Finding
from edgetl.training.checking.report import CheckReport
from edgetl.training.checking.subject import Subject
from edgetl.training.columns import columns_of
from edgetl.training.dataset import SPLITS, Dataset, Photo
from edgetl.training.listing import Fault, Listing
from edgetl.training.prepare import BackboneChoice
from edgetl.training.threads import threads_for

_CHEAP = (listed, unreadable, classes, claims, sizes, colours, exposure)
"""Finders that need neither features nor chance; each has ``find(subject)``."""
_FEWEST_JUDGED = 20
"""Photos under which the others say too little of a label."""


def check(
    data: str | Path,
    *,
    out: str | Path | None = None,
    fix: bool = False,
    fix_suspects: bool = False,
    look: bool = True,
    backbone: str = "efficientnet_lite0",
    size: int | None = None,
    seed: int = 0,
    column: str | None = None,
    progress: Progress = SILENT,
) -> CheckReport:
    """Find what is wrong with photos and labels.

    Args:
        data: as for :func:`edgetl.train`; what that refuses is a finding here.
        out: HTML page to write.
        fix: move unreadable files, and copies that leak into a scored split, into a quarantine folder inside
            the data; of a CSV file, write another without them. ``quarantine.undo`` moves them back.
        fix_suspects: the same, and move photos whose label is suspect, and copies that only look the same.
        look: compute the backbone's features, which training would compute anyway and finds again. Without
            them, splits that differ and suspect labels are not looked for.
        backbone: whose features, and whose size of picture.
        size: height and width of its input, pixels; None takes the backbone's own.
        seed: for the folds of cross-validations.
        column: of a CSV file, whose labels are looked at in place of ``label``; photos with an empty cell are
            left out.
        progress: hears of each step.

    Raises:
        DatasetError: there is nothing to check, or no such column.
        UsageError: an option is not one of those offered.
        WeightsError: no pretrained weights for the backbone.
        WriteError: the page, or the data with ``fix``, cannot be written.
    """
    started = time.perf_counter()
    source = Path(data)
    if out is not None:
        files.try_file(Path(out))
    if fix or fix_suspects:
        fixing.refuse(source)
    row = backbones.get(backbone)
    choice = prepare.choose(backbone, size=size, width=1.0, weights_file=None) if look else None
    engine = prepare.choose_engine() if look else ""
    contract = choice.contract if choice else row.contract(size or row.default_size)
    with progress.step("read the photos"):
        found = listing.read(source, columns_of(column, multi_label=False))
        if found.columns:
            raise UsageError(f"--column {column} names several: check one at a time, of single labels")
        lost: dict[Path, str] = {}
        photos = dataset.assemble(found, lost)
    seen, damaged = pictures.describe(photos.photos, contract, progress)
    split_here = dataset.is_split_here(found)
    faults = tuple(_faults(found, photos, split_here=split_here))
    subject = Subject(found, faults, photos, split_here, contract, seen, {**lost, **damaged})
    findings = [finding for finder in _CHEAP for finding in finder.find(subject)]
    findings += shortcuts.find(subject, seed)
    table = _features(subject, choice, engine, progress) if choice and subject.photos else None
    groups = duplicates.find(subject.photos, table, progress)
    findings += copies.find(subject, groups)
    doubted: list[Finding] = []
    if table is not None:

        def rows(chosen: Sequence[Photo]) -> Floats:
            return table.rows([photo.sha256 for photo in chosen])

        with progress.step("compare the splits"):
            findings += shift.find(subject, rows, seed)
        if len({photo.label for photo in subject.photos}) > 1 and len(subject.photos) >= _FEWEST_JUDGED:
            with progress.step("judge the labels"):
                labels = np.array([photo.label for photo in subject.photos])
                with threads_for(1):  # its products are small, and a second thread would only be in the way
                    hashes = [photo.sha256 for photo in subject.photos]
                    doubtful = suspects.find(table.whole.rows(hashes), labels, parts=table.slices, seed=seed)
            doubted = mislabelled.find(subject, subject.photos, doubtful)
            findings += doubted
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    small = thumbnails.make(checked.shown(findings)) if out is not None else {}  # before anything moves
    suspect = [note for finding in doubted for note in finding.photos] if fix_suspects else []
    plan = fixing.plan(subject, copies.to_remove(groups, looks=fix_suspects), suspect)
    fixed = fixing.apply(found, plan) if (fix or fix_suspects) and plan.count else None
    left = findings if fixed is None else _after(plan, subject, groups)
    report = CheckReport(
        data=source,
        root=found.root,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        photos={split: sum(photo.split == split for photo in subject.photos) for split in SPLITS},
        labels=photos.labels,
        findings=tuple(findings),
        features=look,
        fixable=plan.count,
        moved=tuple(plan.why) if fixed else (),
        fixed=fixed,
        left=tuple(finding for finding in left if finding.severity == "error"),
        seconds=round(time.perf_counter() - started, 3),
    )
    if out is not None:
        files.write_text(Path(out), pages.check_page(report, small))
    return report


def _faults(found: Listing, photos: Dataset, *, split_here: bool) -> Iterator[Fault]:
    """All that training would refuse."""
    yield from found.faults
    yield from rules.faults(found)
    yield from dataset.faults_of_counts(photos, split_here=split_here)


def _after(plan: fixing.Plan, subject: Subject, groups: Sequence[duplicates.Group]) -> list[Finding]:
    """What those who tell of errors find in the rest of a dataset."""
    found = plan.rest(subject.listing)
    kept = tuple(photo for photo in subject.dataset.photos if photo not in plan.photos)
    photos = replace(subject.dataset, photos=kept)
    faults = tuple(_faults(found, photos, split_here=subject.split_here))
    rest = replace(subject, listing=found, dataset=photos, faults=faults)
    left = copies.find(rest, copies.without(groups, plan.photos))
    return [*listed.find(rest), *unreadable.find(rest), *left]


def _features(
    subject: Subject, choice: BackboneChoice, engine: str, progress: Progress
) -> features.FeatureTable:
    # A head of one class cannot be built; what it would be used for is refused by training anyway.
    classes = max(2, len(subject.labels))
    prepared = prepare.prepare(choice, engine=engine, classes=classes, progress=progress)
    table, _ = features.extract(subject.photos, prepared, progress)
    return table
