"""Run by cocotb: images of ``images.npy`` through AXI-Stream ports, packets to ``packets.json``."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiStreamBus, AxiStreamSink, AxiStreamSource


def pauses(per_cent: int, seed: int) -> Iterator[bool]:
    choice = random.Random(seed)
    while True:
        yield choice.random() * 100 < per_cent


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def images_enter_and_packets_leave(dut: Any) -> None:
    images = np.load("images.npy")
    Clock(dut.aclk, 5, "ns").start()
    dut.aresetn.value = 0
    ports = {"clock": dut.aclk, "reset": dut.aresetn, "reset_active_level": False}
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), **ports)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), **ports, byte_lanes=1)
    await ClockCycles(dut.aclk, 4)
    dut.aresetn.value = 1
    packets = []
    for send, receive in [(0, 0), (30, 50)]:
        source.set_pause_generator(pauses(send, 1))
        sink.set_pause_generator(pauses(receive, 2))
        for image in images:
            await source.send(image.tobytes())
        for _ in images:
            packets.append(list((await sink.recv()).tdata))
    await ClockCycles(dut.aclk, 200)
    assert sink.empty() and not sink.active, "scores of no image"
    Path("packets.json").write_text(json.dumps(packets))
