"""Synthetic labeled street scenes: `draw_street` draws one scene, `write_set` writes a dataset of scenes.

A scene is first planned, then drawn. `layout` plans the street; `lots`, `roadside`, `traffic` and `sidewalks`
place objects on it. The plan is in meters, so that one seed gives the same street at every image size. `roadway`,
`marks` and `ground` draw the ground, followed by the objects from far to near. Each polygon is drawn into the image
and the labels, at twice the image size. `photo` adds the effects of a camera.
"""

from data.streets.scene import Scene, draw_street
from data.streets.storage import draw_scene, write_scene, write_set

__all__ = ["Scene", "draw_scene", "draw_street", "write_scene", "write_set"]
