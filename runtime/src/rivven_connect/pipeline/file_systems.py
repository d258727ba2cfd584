"""Which file system a folder lies on; locks and shared memory cannot be trusted on all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/mounts")
_NETWORK: Final = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs",
        "nfs4", "ocfs2", "orangefs", "smb3", "smbfs",
        "fuse.ceph", "fuse.glusterfs", "fuse.goofys", "fuse.juicefs", "fuse.rclone", "fuse.s3fs",
        "fuse.sshfs",
    }
)  # fmt: skip


def network_file_system(folder: Path) -> str | None:
    """Return the type of the network file system that a folder lies on; None if local or unknown."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    found = file_system_type(mounts, folder.resolve())
    return found if found in _NETWORK else None


def file_system_type(mounts: str, folder: Path) -> str | None:
    r"""Return the type of the mount that an absolute path lies on, by the text of `/proc/mounts`.

    Format: fstab(5); a space in a path is written `\040`. Of several mounts at one place the last
    one counts.
    """
    above = {str(folder), *map(str, folder.parents)}
    best, found = 0, None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = _unescaped(fields[1])
        if point in above and len(point) >= best:
            best, found = len(point), fields[2]
    return found


def _unescaped(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
