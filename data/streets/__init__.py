"""Labeled street scenes drawn by program: `draw_street` draws one, `write_set` writes a dataset of them.

A scene is planned first and drawn then. Plan: `layout` (the street), `lots`, `roadside`, `traffic` and
`sidewalks` (what stands on it), all in meters on the street, so that one seed gives one street at every
size. Drawing: `roadway`, `marks` and `ground`, then everything that stands on it from far to near, at twice
the size, each polygon into the image and into the labels. `photo` turns that into what a camera sees.
"""

from data.streets.scene import Scene, draw_street
from data.streets.storage import draw_scene, write_scene, write_set

__all__ = ["Scene", "draw_scene", "draw_street", "write_scene", "write_set"]
