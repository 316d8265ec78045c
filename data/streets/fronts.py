"""Fronts of buildings laid out flat: windows, shops, doors and cornices as an array of materials."""

import dataclasses
import enum
import functools
import random

import cv2
import numpy as np

from data.streets import texture
from data.streets.styles import FrontStyle


class Material(enum.IntEnum):
    """What a pixel of a front is made of."""

    WALL = 0  # this and the next three: tones of its plaster or bricks
    BASE = 4  # this and the next three: the same on the ground floor
    WALL_DARK = 8
    WALL_DEEP = 9
    TRIM = 10
    TRIM_DARK = 11
    FRAME = 12
    SHUTTER = 13
    PLINTH = 14
    GLASS_DARK = 15
    GLASS_SKY = 16
    GLASS_BRIGHT = 17
    CURTAIN = 18
    LIT = 19
    LIT_DIM = 20
    UPPER_PANE = 21  # panes whose look is not yet chosen
    LOWER_PANE = 22
    DOOR = 23
    DOOR_DARK = 24
    SHOP = 25
    SHOP_SHINE = 26
    BOARD = 27  # this and the next two: boards above shops
    INK = 30
    BALCONY = 31


MATERIALS = 32
_CLEAR = 255  # in a cell: what is behind it stays
_GOODS = (
    Material.DOOR,
    Material.DOOR_DARK,
    Material.CURTAIN,
    Material.TRIM_DARK,
    Material.BOARD,
    Material.SHUTTER,
)
_LOOKS = (
    # upper pane             lower pane             weight  with lamps on
    (Material.GLASS_DARK, Material.GLASS_DARK, 26, 24),
    (Material.CURTAIN, Material.GLASS_DARK, 16, 10),
    (Material.GLASS_BRIGHT, Material.GLASS_SKY, 34, 22),
    (Material.GLASS_SKY, Material.GLASS_DARK, 14, 12),
    (Material.CURTAIN, Material.CURTAIN, 10, 6),
    (Material.LIT, Material.LIT, 0, 16),
    (Material.LIT_DIM, Material.LIT, 0, 10),
)


@functools.cache
def _mottled() -> np.ndarray:
    """Tones 0 to 3 of plaster and bricks, uint8 [1024, 1024]."""
    field = 0.6 * texture.doubled(0.9, 7) + 0.6 * texture.doubled(0.2, 8)
    return np.digitize(field, (-0.55, 0.25, 0.9)).astype(np.uint8)


class Sheet:
    """An array uint8 [rows, columns] of materials, painted in meters from its lower left corner."""

    def __init__(self, cells: np.ndarray, columns: float, rows: float):
        """`columns` and `rows`: pixels in a meter."""
        self.cells, self.columns, self.rows = cells, columns, rows
        self._bottom = cells.shape[0]

    def rectangle(self, u0: float, u1: float, y0: float, y1: float, material: int) -> None:
        """Paints the rectangle from u0 to u1 along and y0 to y1 up."""
        low, high = self._bottom - int(y0 * self.rows + 0.5), self._bottom - int(y1 * self.rows + 0.5)
        left, right = int(u0 * self.columns + 0.5), int(u1 * self.columns + 0.5)
        if low > 0 and right > 0 and right > left and low > high:
            self.cells[high if high > 0 else 0 : low, left if left > 0 else 0 : right] = material


def lay_out_front(
    rng: random.Random,
    length: float,
    height: float,
    columns: float,
    rows: float,
    style: FrontStyle,
    lamps: bool,
) -> np.ndarray:
    """A front of `length` x `height` meters, at about `columns` x `rows` pixels a meter: uint8 [H, W]."""
    across = max(1, round(length / style.bay))
    wide = max(1, round(columns * length / across))  # whole pixels per bay and storey, so that all windows are equal
    high = max(1, round(rows * style.storey))
    rows = high / style.storey
    shape = max(1, round(height * rows)), wide * across
    cells = texture.cut(_mottled(), *shape, rng.randrange(64), rng.randrange(64)).copy()
    sheet = Sheet(cells, shape[1] / length, rows)
    if style.courses * rows > 2.5:
        for number in range(1, int(height / style.courses) + 1):
            y = number * style.courses
            sheet.rectangle(0, length, y, y + max(0.04, 0.6 / rows), Material.WALL_DARK)
    if style.ground != "blank":
        lower = cells[max(shape[0] - int(style.ground_floor * rows), 0) :]
        np.add(lower, np.uint8(Material.BASE), out=lower, where=lower < Material.BASE)
    storeys = int((height - style.ground_floor + 0.3) / style.storey)
    if storeys > 0 and style.window[0]:
        _lay_windows(sheet, rng, style, across, style.ground_floor, storeys, high, lamps)
    if style.ground != "blank":
        _lay_ground_floor(sheet, rng, length, style, across, lamps)
    if style.cornice:
        for level, thick in ((style.ground_floor, 0.22), (height - 0.35, 0.35)):
            sheet.rectangle(0, length, level - 0.14, level, Material.WALL_DEEP)
            sheet.rectangle(0, length, level, level + thick, Material.TRIM)
            sheet.rectangle(0, length, level + thick * 0.5, level + thick * 0.65, Material.TRIM_DARK)
    if rng.random() < 0.6:
        sheet.rectangle(0.12, 0.26, 0.3, height - 0.2, Material.TRIM_DARK)
    return cells


@functools.cache
def _look_tables() -> np.ndarray:
    """The replacement of every material in each look: uint8 [looks, 256]."""
    tables = np.tile(np.arange(256, dtype=np.uint8), (len(_LOOKS), 1))
    for table, (upper, lower, _, _) in zip(tables, _LOOKS):
        table[Material.UPPER_PANE], table[Material.LOWER_PANE] = upper, lower
    return tables


def _lay_windows(
    sheet: Sheet,
    rng: random.Random,
    style: FrontStyle,
    across: int,
    y0: float,
    storeys: int,
    high: int,
    lamps: bool,
) -> None:
    """Sets storeys of windows, each `high` pixels, above `y0`.

    One window is painted, or two where some have a balcony; all others are copies of these, which differ in
    what their panes show.
    """
    wide = sheet.cells.shape[1] // across
    bottom = sheet.cells.shape[0] - int(y0 * sheet.rows + 0.5)
    storeys = min(storeys, bottom // high)
    if storeys <= 0:
        return
    kinds = 2 if style.balconies else 1
    windows = np.full((kinds, high, wide), _CLEAR, np.uint8)
    for number, window in enumerate(windows):
        _paint_window(
            Sheet(window, sheet.columns, sheet.rows),
            style,
            wide / sheet.columns,
            high / sheet.rows,
            number > 0,
        )
    variants = _look_tables()[:, windows].reshape(-1, high, wide)
    looks = rng.choices(range(len(_LOOKS)), [look[3 if lamps else 2] for look in _LOOKS], k=storeys * across)
    with_balcony = [style.balconies > 0 and rng.random() < style.balconies for _ in range(across)]
    chosen = variants[[kinds * look + with_balcony[place % across] for place, look in enumerate(looks)]]
    block = chosen.reshape(storeys, across, high, wide).transpose(0, 2, 1, 3).reshape(storeys * high, across * wide)
    cv2.copyTo(block, cv2.compare(block, _CLEAR, cv2.CMP_NE), sheet.cells[bottom - storeys * high : bottom])


def _paint_window(sheet: Sheet, style: FrontStyle, bay: float, storey: float, balcony: bool) -> None:
    """Paints one window of a storey, with its sill, reveal, shutters and balcony where the style has them."""
    width, tall = style.window
    half, middle = bay * (0.5 if style.bands else width / 2), bay / 2
    low = storey * (1 - tall) * 0.55
    high = low + storey * tall
    left, right = middle - half, middle + half
    if style.surround:
        sheet.rectangle(left - 0.15, right + 0.15, low - 0.05, high + 0.20, Material.TRIM)
    if style.shutter is not None:
        sheet.rectangle(left - half * 0.5, right + half * 0.5, low, high, Material.SHUTTER)
    sheet.rectangle(left - 0.1, right + 0.1, low - 0.14, low, Material.TRIM)
    sheet.rectangle(left - 0.1, right + 0.1, low - 0.24, low - 0.14, Material.WALL_DARK)
    sheet.rectangle(left, right, low, high, Material.FRAME)
    split = low + 0.64 * (high - low)
    edge = 0.07
    for a, b in ((left + edge, middle - edge / 2), (middle + edge / 2, right - edge)):
        sheet.rectangle(a, b, split + edge / 2, high - edge, Material.UPPER_PANE)
        sheet.rectangle(a, b, low + edge, split - edge / 2, Material.LOWER_PANE)
    sheet.rectangle(left, right, high - 0.10, high, Material.WALL_DEEP)
    if balcony:
        sheet.rectangle(left - 0.35, right + 0.35, -0.1, 0.12, Material.TRIM)
        sheet.rectangle(left - 0.35, right + 0.35, 0.12, 1.0, Material.BALCONY)
        sheet.rectangle(left - 0.35, right + 0.35, 0.92, 1.02, Material.TRIM_DARK)
        for number in range(int((right - left + 0.7) / 0.35)):
            u = left - 0.25 + 0.35 * number
            sheet.rectangle(u, u + 0.06, 0.12, 0.92, Material.TRIM_DARK)


def _lay_ground_floor(
    sheet: Sheet, rng: random.Random, length: float, style: FrontStyle, across: int, lamps: bool
) -> None:
    if style.ground == "shops":
        _lay_shops(sheet, rng, length, style)
    elif style.ground == "gates":
        _lay_gates(sheet, rng, length)
    else:
        plain = dataclasses.replace(style, balconies=0.0)
        _lay_windows(sheet, rng, plain, across, 0.25, 1, int((style.ground_floor - 0.4) * sheet.rows), lamps)
        _lay_doors(sheet, rng, length, style, across)
    sheet.rectangle(0.0, length, 0.0, 0.45, Material.PLINTH)
    if style.ground != "shops":
        return
    for _ in range(2):  # doors reach down to the pavement
        u = rng.uniform(0.5, max(0.6, length - 2.0))
        sheet.rectangle(u, u + 1.2, 0.05, 2.5, Material.DOOR_DARK)
        sheet.rectangle(u + 0.15, u + 1.05, 0.3, 2.3, Material.SHOP)


def _lay_shops(sheet: Sheet, rng: random.Random, length: float, style: FrontStyle) -> None:
    """Shop windows under their boards."""
    count = max(1, round(length / rng.uniform(4.5, 7.5)))
    step, top = length / count, style.ground_floor - 0.9
    for index in range(count):
        left, right = index * step + 0.35, (index + 1) * step - 0.35
        sheet.rectangle(left, right, 0.45, top, Material.DOOR_DARK)
        panes = rng.randint(2, 4)
        for pane in range(panes):
            a = left + 0.12 + (right - left - 0.2) * pane / panes
            b = left + (right - left - 0.2) * (pane + 1) / panes
            sheet.rectangle(a, b, 0.6, top - 0.1, Material.SHOP)
            sheet.rectangle(a, b, 0.6 + 0.55 * (top - 0.7), top - 0.1, Material.SHOP_SHINE)
            if sheet.columns > 8:
                _lay_goods(sheet, rng, a, b)
        board = rng.randrange(3)
        sheet.rectangle(left, right, top + 0.06, top + 0.72, Material.BOARD + board)
        sheet.rectangle(left, right, top - 0.02, top + 0.06, Material.WALL_DEEP)
        u, end = left + 0.2 * (right - left), right - 0.2 * (right - left)
        while u < end and sheet.columns > 5:
            width = rng.uniform(0.12, 0.28)
            if rng.random() < 0.85:
                y = top + 0.22
                sheet.rectangle(u, u + width, y, y + rng.choice((0.24, 0.24, 0.36)), Material.INK)
            u += width + 0.1


def _lay_goods(sheet: Sheet, rng: random.Random, left: float, right: float) -> None:
    """What lies in a shop window between `left` and `right`."""
    u = left + rng.uniform(0.1, 0.4)
    while u < right - 0.2:
        width = min(rng.uniform(0.15, 0.5), right - 0.1 - u)
        sheet.rectangle(u, u + width, 0.6, 0.6 + rng.choice((0.2, 0.35, 0.5, 1.3)), rng.choice(_GOODS))
        u += width + rng.uniform(0.1, 0.6)


def _lay_doors(sheet: Sheet, rng: random.Random, length: float, style: FrontStyle, across: int) -> None:
    bay, half = length / across, 0.65
    for index in rng.sample(range(across), k=max(1, across // 5)):
        middle = (index + 0.5) * bay
        sheet.rectangle(middle - bay * 0.44, middle + bay * 0.44, 0.0, style.ground_floor - 0.25, Material.BASE + 1)
        sheet.rectangle(middle - half - 0.18, middle + half + 0.18, 0.0, 2.8, Material.TRIM)
        sheet.rectangle(middle - half, middle + half, 0.0, 2.6, Material.DOOR)
        sheet.rectangle(middle - 0.03, middle + 0.03, 0.0, 2.0, Material.DOOR_DARK)
        sheet.rectangle(middle - half + 0.12, middle + half - 0.12, 2.05, 2.5, Material.GLASS_DARK)


def _lay_gates(sheet: Sheet, rng: random.Random, length: float) -> None:
    count = max(1, round(length / 7))
    step = length / count
    for index in range(count):
        if rng.random() < 0.3:
            continue
        left, right = (index + 0.5) * step - 1.8, (index + 0.5) * step + 1.8
        sheet.rectangle(left - 0.15, right + 0.15, 0.0, 3.55, Material.WALL_DEEP)
        sheet.rectangle(left, right, 0.0, 3.4, Material.DOOR)
        for rib in range(8):
            sheet.rectangle(left, right, 0.3 + 0.4 * rib, 0.36 + 0.4 * rib, Material.DOOR_DARK)
