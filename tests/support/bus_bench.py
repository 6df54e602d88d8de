"""Runs inside the simulator, under cocotb: a host that knows a chip by its bus alone. NC_BUS_JOB names what to load, present and expect."""

import itertools
import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp, AxiStreamBus, AxiStreamSink, AxiStreamSource

JOB = json.loads(Path(os.environ["NC_BUS_JOB"]).read_text(encoding="utf-8"))
REGISTERS = JOB["registers"]  # name -> byte address


class Host:
    """What drives the four interfaces."""

    def __init__(self, dut, pauses: random.Random) -> None:
        self.dut = dut
        self.axil = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.aclk, dut.aresetn, reset_active_level=False)
        streams = [
            AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis_label"), dut.aclk, dut.aresetn, False),
            AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis_intensity"), dut.aclk, dut.aresetn, False),
            AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis_winner"), dut.aclk, dut.aresetn, False),
        ]
        self.labels, self.intensities, self.winners = streams
        for stream in (self.intensities, self.winners):  # data come late, and winners are not always taken
            stream.set_pause_generator(pauses.random() < JOB["pauses"] for _ in itertools.count())

    async def reset(self) -> None:
        """Hold the chip in reset for some cycles."""
        cocotb.start_soon(Clock(self.dut.aclk, 10, unit="ns").start())
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, 5)
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 2)

    async def write(self, name: str, value: int) -> AxiResp:
        """Write a register; return the answer."""
        return (await self.axil.write(REGISTERS[name], value.to_bytes(4, "little"))).resp

    async def read(self, name: str) -> tuple[int, AxiResp]:
        """Read a register: its value and the answer."""
        found = await self.axil.read(REGISTERS[name], 4)
        return int.from_bytes(found.data, "little"), found.resp

    async def point(self, core: int, address: int) -> None:
        """Let DATA be that place."""
        assert await self.write("POINTER", core << 24 | address) == AxiResp.OKAY


async def load(host: Host) -> None:
    """Write all that the chip holds; runs of successive addresses by one pointer that steps on."""
    place, step = None, None
    for core, address, value in JOB["writes"]:
        if place != (core, address):
            wanted = 0 if place == (core, address + 1) else 1  # a scan ring is written at one address
            if wanted != step:
                assert await host.write("STEP", wanted) == AxiResp.OKAY
                step = wanted
            await host.point(core, address)
        assert await host.write("DATA", value) == AxiResp.OKAY
        place = (core, address + step)


@cocotb.test()
async def a_host_trains_the_chip_over_its_bus(dut):
    """Configuration, samples, winners, read-back: all as the simulator has it."""
    host = Host(dut, random.Random(1))
    await host.reset()
    assert await host.read("IDENTITY") == (JOB["identity"], AxiResp.OKAY)
    assert await host.read("CORES") == (JOB["cores"], AxiResp.OKAY)
    await load(host)
    assert (await host.read("STATUS"))[0] == 1
    for label, intensities in zip(JOB["labels"], JOB["intensities"], strict=True):
        await host.labels.send(label.to_bytes(2, "little"))
        await host.intensities.send(bytes(intensities))
    while (await host.read("STATUS"))[0] & 1:
        pass
    await refused_while_samples_run(host)
    winners = [int.from_bytes((await host.winners.recv()).tdata, "little") for _ in JOB["winners"]]
    assert winners == JOB["winners"]
    while not (await host.read("STATUS"))[0] & 1:
        pass
    await refused_anyway(host)
    assert host.winners.empty()
    await host.write("STEP", 0)
    for core, address, value in JOB["reads"]:
        await host.point(core, address)
        assert await host.read("DATA") == (value, AxiResp.OKAY), f"core {core}, address 0x{address:06x}"


async def refused_while_samples_run(host: Host) -> None:
    """The chip's inside is not for sale while it learns; the bus itself answers."""
    await host.point(0, 0)
    assert (await host.read("DATA"))[1] == AxiResp.SLVERR
    assert await host.write("DATA", 1) == AxiResp.SLVERR
    assert await host.read("CORES") == (JOB["cores"], AxiResp.OKAY)


async def refused_anyway(host: Host) -> None:
    """A core that is not there, a register that cannot be written or is none, part of a word: an answer, and nothing happens."""
    await host.point(JOB["cores"], 0)
    assert (await host.read("DATA"))[1] == AxiResp.SLVERR
    assert await host.write("DATA", 1) == AxiResp.SLVERR
    assert await host.write("IDENTITY", 1) == AxiResp.SLVERR
    assert (await host.axil.read(0x1C, 4)).resp == AxiResp.SLVERR
    assert (await host.axil.write(REGISTERS["POINTER"], b"\x01\x02")).resp == AxiResp.SLVERR
    assert await host.read("POINTER") == (JOB["cores"] << 24, AxiResp.OKAY)
    await RisingEdge(host.dut.aclk)
