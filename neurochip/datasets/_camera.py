"""Run as a program of its own: reads files of event cameras with faery and leaves their events as arrays.

A process apart, because faery is native code: some damaged files make it abort, which would take the whole simulator with it, and others
make it print pages. So nothing of neurochip is imported here.

    python _camera.py FOLDER < paths.json

File number i of the list becomes FOLDER/i.npz with the arrays t, x, y, p and `size` (width, height). The first file that
cannot be read ends the program, with the reason in FOLDER/reason.txt if faery gave one.
"""

import json
import sys
from pathlib import Path

import numpy as np

UNKNOWN = 65_535
"""Width and height that faery is told to take for a file that does not say them: no sensor has so many."""


def main() -> int:
    """Read the files; return the exit code, 0 if all could be read."""
    import faery

    folder = Path(sys.argv[1])
    for i, path in enumerate(json.load(sys.stdin)):
        try:
            stream = faery.events_stream_from_file(path, dimensions_fallback=(UNKNOWN, UNKNOWN))
            size, packets = stream.dimensions(), list(stream)
        except BaseException as error:  # a panic in Rust is no Exception
            (folder / "reason.txt").write_text(" ".join(str(error).split()), "utf-8", "replace")
            return 1
        events = np.concatenate(packets) if packets else np.zeros(0, faery.EVENTS_DTYPE)
        np.savez(folder / f"{i}.npz", size=size, t=events["t"], x=events["x"], y=events["y"], p=events["p"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
