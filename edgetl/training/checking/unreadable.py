"""Files that are called pictures and cannot be decoded."""

from edgetl.training.checking.findings import Finding, PhotoNote
from edgetl.training.checking.subject import Subject
from edgetl.wording import counted


def find(subject: Subject) -> list[Finding]:
    """Empty, truncated, damaged and too large files, and files that are no pictures."""
    notes = tuple(
        PhotoNote(entry.path, entry.split, entry.label, subject.unreadable[entry.path])
        for entry in subject.listing.entries
        if entry.path in subject.unreadable
    )
    if not notes:
        return []
    them = "it" if len(notes) == 1 else "them"
    title = (
        f"{counted(len(notes), 'file')} cannot be decoded, and training leaves {them} out: fetch {them} "
        "again, "
        f"or move {them} away with --fix"
    )
    return [Finding("unreadable files", "error", title, notes)]
