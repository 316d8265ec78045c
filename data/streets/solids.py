"""Bodies with flat faces, placed anywhere on the street, lit face by face and drawn far to near."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from data.streets.canvas import Canvas, Point, fixed_point
from data.streets.light import RGB, Light

_COARSE, _FINE = 22.0, 46.0  # canvas pixels; lower bodies omit small parts


@dataclasses.dataclass(frozen=True)
class Face:
    """A flat polygon of a body. x to its right, y up, z ahead, in meters, from its middle on the ground.

    Layer 0 is the body itself; faces of a higher layer lie on it and are drawn after it. `outline` faces
    belong to the body's label; the others only color what is labeled already. `tone` brightens.
    """

    points: tuple[Point, ...]
    material: str
    layer: int = 0
    tone: float = 1.0
    outline: bool = False
    middle: Point | None = None  # the point that the face looks away from; None: the middle of the body


def quad_part(corners: Sequence[Point], left: float, right: float, low: float, high: float) -> tuple[Point, ...]:
    """The part of a four-cornered face from `left` to `right` and `low` to `high` (0 to 1).

    The corners run lower left, lower right, upper right, upper left.
    """
    a, b, c, d = (np.array(corner) for corner in corners)

    def at(u: float, v: float) -> Point:
        return tuple(((a * (1 - u) + b * u) * (1 - v) + (d * (1 - u) + c * u) * v).tolist())

    return (at(left, low), at(right, low), at(right, high), at(left, high))


def box(
    x: tuple[float, float],
    y: tuple[float, float],
    z: tuple[float, float],
    material: str,
    top: str | None = None,
) -> list[Face]:
    """The faces of a box without its bottom: rear, front, left, right, top."""
    (x0, x1), (y0, y1), (z0, z1) = x, y, z
    middle = ((x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2)
    outlines = (
        ((x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)),
        ((x1, y0, z1), (x0, y0, z1), (x0, y1, z1), (x1, y1, z1)),
        ((x0, y0, z1), (x0, y0, z0), (x0, y1, z0), (x0, y1, z1)),
        ((x1, y0, z0), (x1, y0, z1), (x1, y1, z1), (x1, y1, z0)),
        ((x0, y1, z0), (x1, y1, z0), (x1, y1, z1), (x0, y1, z1)),
    )
    materials = (material,) * 4 + (top or material,)
    return [Face(points, name, middle=middle) for points, name in zip(outlines, materials)]


def disc(
    x: float,
    y: float,
    z: float,
    radius: float,
    material: str,
    layer: int,
    outline: bool = False,
    tone: float = 1.0,
) -> Face:
    """A wheel's disc in a plane across x, seen from the side on which it lies."""
    steps = np.linspace(0, 2 * math.pi, 15)[:-1]
    points = tuple((x, y + radius * math.sin(a), z + radius * math.cos(a)) for a in steps)
    return Face(points, material, layer, tone, outline)


class Solid:
    """Faces made ready for drawing. Faces without a middle of their own look away from the point `middle`."""

    def __init__(self, faces: Iterable[Face], middle: Point):
        self._faces = tuple(faces)
        self._points = np.array([point for face in self._faces for point in face.points], np.float32)
        ends = np.cumsum([len(face.points) for face in self._faces])
        self._slices = [slice(int(end) - len(face.points), int(end)) for face, end in zip(self._faces, ends)]
        self._centers = np.stack([self._points[part].mean(axis=0) for part in self._slices])
        normals = np.stack([_normal(self._points[part]) for part in self._slices])
        middles = np.array([face.middle or middle for face in self._faces], np.float32)
        outwards = np.sum(normals * (self._centers - middles), axis=1, keepdims=True)
        self._normals = np.where(outwards < 0, -normals, normals).astype(np.float32)
        self._layers = np.array([face.layer for face in self._faces])
        self._tones = np.array([face.tone for face in self._faces], np.float32)
        self._materials = sorted({face.material for face in self._faces})
        self._material_of_face = np.array([self._materials.index(face.material) for face in self._faces])
        self._outline = [face.outline or face.layer == 0 for face in self._faces]

    def draw(
        self, canvas: Canvas, light: Light, s: float, z: float, turn: float, scale: Sequence[float],
        paints: Mapping[str, RGB], identity: int, sunlit: float = 1.0, shining: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Draws the body at (s, z). `turn` 0 looks ahead along the street, pi comes towards the camera."""
        camera = canvas.camera
        rotation = _rotation(turn + camera.heading(z))
        origin = np.array(camera.world(s, z), np.float32)
        factors = np.array(scale, np.float32)
        pixels = camera.world_pixels((self._points * factors) @ rotation + origin)
        (left, top), (right, bottom) = pixels.min(axis=0), pixels.max(axis=0)
        if right < 0 or left > camera.width or bottom < 0 or top > camera.height:
            return
        to_face = (self._centers * factors) @ rotation + origin
        to_face[:, 1] -= camera.eye_height
        normals = (self._normals / factors) @ rotation
        normals /= np.sqrt(np.einsum("ij,ij->i", normals, normals))[:, None]
        size = bottom - top
        finest = 1 if size < _COARSE else 3 if size < _FINE else 9
        seen = np.flatnonzero((np.einsum("ij,ij->i", to_face, normals) < 0) & (self._layers <= finest))
        distance = np.sqrt(np.einsum("ij,ij->i", to_face[seen], to_face[seen]))
        materials = np.array([paints[name] for name in self._materials], np.float32)
        albedo = materials[self._material_of_face[seen]]
        colors = light.shade_all(albedo * self._tones[seen, None], normals[seen], distance, sunlit)
        for name in shining:
            if name in self._materials:
                chosen = self._material_of_face[seen] == self._materials.index(name)
                colors[chosen] = albedo[chosen]
        fixed = fixed_point(pixels)
        colors = colors.tolist()
        for position in np.lexsort((-distance, self._layers[seen])).tolist():
            face = seen[position]
            canvas.fill_fixed(fixed[self._slices[face]], colors[position], identity if self._outline[face] else None)


def _normal(points: np.ndarray) -> np.ndarray:
    following = np.roll(points, -1, axis=0)
    normal = np.cross(points, following).sum(axis=0)
    return normal / max(float(np.linalg.norm(normal)), 1e-9)


def _rotation(angle: float) -> np.ndarray:
    """The matrix that, applied from the right, turns z (ahead) towards x (right) by `angle`."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array(((cosine, 0, -sine), (0, 1, 0), (sine, 0, cosine)), np.float32)
