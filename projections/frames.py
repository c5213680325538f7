"""zstd frames, written and read with a context of each thread's own.

The library lets other threads run while it works in a context and does not guard it: two threads in one context read garbage
and, worse, write it. A worker has several: it folds, publishes, writes views.
"""

import threading

import zstandard


class Frames(threading.local):
    """Frames with a checksum and their size. level: of zstd; alike: what the contents have in common, to pack short ones.

    ``decompress`` raises zstandard.ZstdError for what is damaged.
    """

    def __init__(self, level: int = 1, alike: zstandard.ZstdCompressionDict | None = None) -> None:
        self.compress = zstandard.ZstdCompressor(level=level, dict_data=alike, write_checksum=alike is None).compress
        self.decompress = zstandard.ZstdDecompressor(dict_data=alike).decompress


FRAMES = Frames()
