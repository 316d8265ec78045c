"""Whether a GIF file is whole, which FFmpeg does not say."""


def is_whole_gif(content: bytes) -> bool:
    """Whether the blocks of a GIF file reach its end mark; what follows the mark is ignored."""
    try:
        place = 13 + _table(content[10])  # the header, the size and the colors of the screen
        while content[place] in b"\x21\x2c":
            if content[place] == 0x21:  # an extension
                place += 2
            else:  # an image: its place, its colors, the size of its codes
                place += 10 + _table(content[place + 9]) + 1
            while length := content[place]:
                place += length + 1
            place += 1
        return content[place] == 0x3B
    except IndexError:
        return False


def _table(flags: int) -> int:
    """The bytes of the color table that the `flags` of the screen or of an image announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
