"""The oracle of the network-on-chip: every router, every FIFO, every core, every cycle; written from docs/noc.md and not from the kernel.

Routers are named by their place (x, y), FIFOs and pointers are dicts, packets are small lists. It shares nothing with `neurochip.core`.
"""

from collections import Counter, deque

INPUTS = ("north", "east", "south", "west", "local")
BESIDE = {"north": (0, -1), "east": (1, 0), "south": (0, 1), "west": (-1, 0)}
FACING = {"north": "south", "east": "west", "south": "north", "west": "east"}


def way_out(place, target):
    """First along X, then along Y."""
    if target[0] != place[0]:
        return "east" if target[0] > place[0] else "west"
    if target[1] != place[1]:
        return "south" if target[1] > place[1] else "north"
    return "local"


def first_from(start, asking):
    """The first of the asking inputs, going round the ring of inputs from `start` on."""
    ring = INPUTS[INPUTS.index(start) :] + INPUTS[: INPUTS.index(start)]
    return next(name for name in ring if name in asking)


def run(width, height, depth, stalls, traffic):
    """Carry `traffic`, a list of (ready cycle, source, destination) with cores numbered row by row; return all there is to know.

    Keys: injected, ejected (cycle per packet), load {(place, output)}, injections {place}, peak {(place, input)}, waits {place}, cycles,
    moves [(cycle, place, output)].
    """
    places = [(x, y) for y in range(height) for x in range(width)]
    fifo = {(place, name): deque() for place in places for name in INPUTS}
    pointer = {(place, name): "north" for place in places for name in INPUTS}
    sending = {place: deque(k for k, (_, source, _) in enumerate(traffic) if places[source] == place) for place in places}
    target = [places[dest] for _, _, dest in traffic]
    injected, ejected = [None] * len(traffic), [None] * len(traffic)
    load, injections, peak, waits = Counter(), Counter(), Counter(), Counter()
    cycle, all_moves = 0, []
    while None in ejected:
        length = {key: len(queue) for key, queue in fifo.items()}  # what the registers hold when the cycle begins
        moves, arrivals = [], []
        for place in places:
            for output in INPUTS:
                if output != "local":
                    step = BESIDE[output]
                    behind = ((place[0] + step[0], place[1] + step[1]), FACING[output])
                    if length.get(behind, depth) >= depth:  # no such router, or no room
                        continue
                asking = [name for name in INPUTS if fifo[place, name] and way_out(place, target[fifo[place, name][0]]) == output]
                if asking:
                    moves.append((place, first_from(pointer[place, output], asking), output))
        for place, queue in sending.items():
            if queue and traffic[queue[0]][0] + (waits[place] if stalls else 0) <= cycle:
                if length[place, "local"] < depth:
                    injected[queue[0]] = cycle
                    injections[place] += 1
                    arrivals.append(((place, "local"), queue.popleft()))
                else:
                    waits[place] += 1
        for place, name, output in moves:
            packet = fifo[place, name].popleft()
            pointer[place, output] = INPUTS[(INPUTS.index(name) + 1) % 5]
            load[place, output] += 1
            all_moves.append((cycle, place, output))
            if output == "local":
                ejected[packet] = cycle
            else:
                step = BESIDE[output]
                arrivals.append((((place[0] + step[0], place[1] + step[1]), FACING[output]), packet))
        for key, packet in arrivals:
            fifo[key].append(packet)
        for key, queue in fifo.items():
            peak[key] = max(peak[key], len(queue))
        cycle += 1
    return {
        "injected": injected, "ejected": ejected, "load": load, "injections": injections, "peak": peak, "waits": waits, "cycles": cycle,
        "moves": all_moves,
    }  # fmt: skip
