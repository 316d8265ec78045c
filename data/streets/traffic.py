"""Vehicles and riders in their lanes, parked along the kerb, and coming out of side streets."""

import collections
import math

from data.streets.sidewalks import add_two_wheeler
from data.streets.site import Site
from data.streets.vehicles import CAR_KINDS, make_vehicle

# Percent of streets that show one: often enough for a network to learn the rare classes.
_CHANCES = {"bus": 38, "truck": 38, "bicycle": 55, "motorcycle": 28, "caravan": 5, "trailer": 6}
_LENGTHS = {"bus": 12.0, "truck": 9.0, "caravan": 5.0, "trailer": 3.0, "train": 29.0, "car": 5.0}
_LAST_PARKED = 65.0  # meters
_CAR_WEIGHTS = (26, 18, 20, 12, 14, 6, 4)  # of CAR_KINDS


class Traffic:
    """Fills a street and tracks the occupied stretches of its lanes."""

    def __init__(self, site: Site):
        self._site, self._rng, self._street = site, site.rng, site.street
        self._taken: dict[float, list[tuple[float, float]]] = collections.defaultdict(list)

    def fill(self) -> None:
        """Adds all vehicles and riders. The rare ones come first, while there is room."""
        rng = self._rng
        present = {kind for kind, chance in _CHANCES.items() if rng.random() * 100 < chance}
        if self._street.median_kind == "tram" and rng.random() < 0.85:
            self._add_tram()
        for kind in ("bus", "truck"):
            if kind in present:
                self._add_large(kind)
        for kind in ("bicycle", "motorcycle"):
            if kind in present:
                self._add_riders(kind)
        for kind in ("caravan", "trailer"):
            if kind in present:
                self._add_beside_road(kind)
        self._add_cars()
        self._add_parked()
        self._add_crossing()

    def _find_room(self, lane: float, length: float, nearest: float, farthest: float) -> float | None:
        """A free place for the middle of a thing of `length` in the lane at s = `lane`, or None."""
        for _ in range(8):
            z = nearest + length / 2 + (farthest - nearest) * self._rng.random() ** 1.3
            if self._is_empty(lane, z, length + 2.0):
                self._taken[lane].append((z - length / 2 - 1.0, z + length / 2 + 1.0))
                return z
        return None

    def _is_empty(self, lane: float, z: float, length: float) -> bool:
        return all(z + length / 2 < start or z - length / 2 > end for start, end in self._taken[lane])

    def _add_vehicle(self, kind: str, s: float, z: float, turn: float, parked: bool = False) -> None:
        site = self._site
        body = self._rng.choices(CAR_KINDS, _CAR_WEIGHTS)[0] if kind == "car" else kind
        vehicle = make_vehicle(self._rng, body)
        identity, hull = site.new_instance(vehicle.label), vehicle.hull(s, z, turn)

        def draw(sunlit: float) -> None:
            vehicle.draw(site.canvas, site.light, s, z, turn, identity, sunlit, parked)

        foot = (s - math.copysign(0.3, s) * vehicle.size[0], z - 0.6 * vehicle.size[2])
        site.add(z, draw, foot=foot, shades=(hull,), base=[(point[0], point[2]) for point in hull[:4]])

    def _is_own_lane(self, s: float, way: int) -> bool:
        return way > 0 and abs(s - self._street.eye_s) < 1.5

    def _add_large(self, kind: str) -> None:
        rng = self._rng
        for number in range(rng.choice((1, 1, 2))):
            lane = rng.choice(self._street.lanes)
            nearest = 11.0 if self._is_own_lane(lane.s, lane.way) else 8.0
            z = self._find_room(lane.s, _LENGTHS[kind], nearest, 42 if number == 0 else 90)
            if z:
                self._add_vehicle(kind, lane.s + rng.gauss(0, 0.1), z, _turn(lane.way))

    def _add_tram(self) -> None:
        way = self._rng.choice((-1, 1))
        s = way * self._street.median / 2
        z = self._find_room(s, _LENGTHS["train"], 9, 50)
        if z:
            self._add_vehicle("train", s, z, _turn(way))

    def _add_riders(self, kind: str) -> None:
        rng, street = self._rng, self._street
        for number in range(rng.choice((1, 1, 2))):
            way = rng.choice((1, 1, -1))
            s = way * (street.sides[way].road - rng.uniform(0.5, 1.1))
            if kind == "motorcycle":
                s = rng.choice([lane.s for lane in street.lanes if lane.way == way]) + rng.uniform(-0.6, 0.6)
            nearest_lane = min((lane.s for lane in street.lanes), key=lambda lane: abs(lane - s))
            z = self._find_room(nearest_lane, 2.2, 7.5, 26 if number == 0 else 50)
            if z:
                add_two_wheeler(self._site, kind, s, z, _turn(way) + rng.gauss(0, 0.12), ridden=True)
        if street.crossing and kind == "bicycle" and rng.random() < 0.4:
            z = street.crossing.z0 - rng.uniform(0.5, 4)
            add_two_wheeler(self._site, kind, rng.uniform(-5, 5), z, rng.choice((-1, 1)) * math.pi / 2, ridden=True)

    def _add_beside_road(self, kind: str) -> None:
        side = self._street.sides[self._rng.choice((-1, 1))]
        s = side.sign * ((side.road + side.parking) / 2 if side.parking > side.road else side.road - 1.1)
        z = self._find_room(s, _LENGTHS[kind], 10, 40)
        if z:
            self._add_vehicle(kind, s, z, _turn(side.sign), parked=True)

    def _add_cars(self) -> None:
        rng = self._rng
        for lane in self._street.lanes:
            for _ in range(rng.choices((0, 1, 2, 3, 5), (22, 28, 25, 15, 10))[0]):
                nearest = 9.0 if self._is_own_lane(lane.s, lane.way) else 6.0
                z = self._find_room(lane.s, _LENGTHS["car"], nearest, 90)
                if z:
                    self._add_vehicle("car", lane.s + rng.gauss(0, 0.12), z, _turn(lane.way))

    def _add_parked(self) -> None:
        rng = self._rng
        for sign, side in self._street.sides.items():
            if side.parking == side.road:
                continue
            s, full = sign * (side.road + side.parking) / 2, rng.uniform(0.25, 0.95)
            z = rng.uniform(2.0, 6.0)
            while z < _LAST_PARKED:
                if rng.random() < full and self._site.is_free(sign, z, 5.0) and self._is_empty(s, z, 5.2):
                    turn = _turn(-sign if rng.random() < 0.12 else sign) + rng.gauss(0, 0.01)
                    self._add_vehicle("car", s + rng.gauss(0, 0.06), z, turn, parked=True)
                z += rng.uniform(5.2, 6.4)

    def _add_crossing(self) -> None:
        """A vehicle or rider coming out of the side street, seen from its side."""
        rng, crossing = self._rng, self._street.crossing
        if crossing is None or rng.random() < 0.45:
            return
        sign = rng.choice(crossing.signs)
        z = (crossing.z0 + crossing.z1) / 2 + rng.choice((-1.6, 1.6))
        kind = rng.choices(("car", "bus", "truck"), (74, 12, 14))[0]
        s = sign * rng.uniform(1.0, self._street.sides[sign].sidewalk + 8)
        reach = _LENGTHS[kind] / 2 + 0.5
        if all(abs(lane - s) > reach + 1 or self._is_empty(lane, z, 3.0) for lane in list(self._taken)):
            self._add_vehicle(kind, s, z, rng.choice((-1, 1)) * math.pi / 2)


def _turn(way: int) -> float:
    """The heading of a vehicle that drives away from the camera (1) or towards it (-1)."""
    return 0.0 if way > 0 else math.pi


def fill_street(site: Site) -> None:
    """Adds vehicles and riders to a street."""
    Traffic(site).fill()
