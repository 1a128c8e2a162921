"""What labels and splits must be like, as far as the list of photos tells: before any file is opened."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator

from edgetl.training.listing import Fault, Listing

MOST_LABELS = 1000
"""Of several columns together: the manifest of a bundle has room for so many."""


def faults(listing: Listing) -> Iterator[Fault]:
    """What is wrong with labels and splits, as far as the list alone tells."""
    source = listing.source
    if not listing.columns:
        yield from _faults_of_labels(listing, str(source))
    elif not listing.entries:
        yield Fault("one class", f"{source} has no pictures of which its columns say anything", source)
    else:
        parts = [listing.of_column(number) for number in range(len(listing.columns))]
        for column, part in zip(listing.columns, parts, strict=True):
            yield from _faults_of_labels(part, f"the column {column.name!r} of {source}")
        count = sum(len(part.labels) for part in parts)
        if count > MOST_LABELS:
            sentence = (
                f"{source} has {count:,} labels, and a model may have {MOST_LABELS:,}: is one of the columns "
                f"{', '.join(column.name for column in listing.columns)} free text, or a number?"
            )
            yield Fault("too many labels", sentence, source)
    yield from _faults_of_splits(listing)


def _faults_of_labels(listing: Listing, where: str) -> Iterator[Fault]:
    source, entries, labels = listing.source, listing.entries, listing.labels
    if not labels:
        nothing = "has no pictures" if where == str(source) else "labels no picture"
        yield Fault("one class", f"{where} {nothing}", source)
    elif len(labels) < 2:
        sentence = f"{where} has only one class, {labels[0]!r}: a classifier needs two or more"
        yield Fault("one class", sentence, source)
    yield from _faults_of_names(listing, where)
    known = {entry.label for entry in entries if entry.split == "train"}
    first = {entry.label: entry for entry in reversed(entries) if entry.split and entry.label not in known}
    for label, entry in sorted(first.items()):
        yield Fault(
            "label without train photos",
            f"{entry.path} is a {entry.split} photo with the label {label!r}"
            f"{'' if where == str(source) else f' in {where}'}, which train does not have: "
            f"it has {', '.join(sorted(known)) or 'none'}",
            entry.path,
        )


def _faults_of_splits(listing: Listing) -> Iterator[Fault]:
    source, entries = listing.source, listing.entries
    splits = {entry.split for entry in entries}
    if None in splits and len(splits) > 1:
        sentence = f"{source} gives a split for some photos only: give it for all or for none"
        yield Fault("splits", sentence, source)
    elif splits == {"train"}:
        sentence = f"{source} has no val and no test photos: give one, or leave the split out"
        yield Fault("splits", sentence, source)


def _faults_of_names(listing: Listing, where: str) -> Iterator[Fault]:
    alike: dict[str, list[str]] = defaultdict(list)
    for label in listing.labels:
        # Cc: control characters. Cs: bytes of a file name that are no text.
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in label):
            sentence = f"{where} has the label {label!r}: a label is text on one line; rename it"
            yield Fault("label", sentence, listing.source)
        alike[" ".join(unicodedata.normalize("NFKC", label).casefold().split())].append(label)
    for labels in alike.values():
        # Single letters are letters to be read, and there A is not a.
        if len(labels) > 1 and not all(len(label) == 1 for label in labels):
            sentence = (
                f"{where} has the labels {' and '.join(map(repr, labels))}, which differ only in "
                "case, spaces or Unicode form: give them one name, or two that differ"
            )
            yield Fault("labels alike", sentence, listing.source)
