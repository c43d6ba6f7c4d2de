"""Reading a mapped Xilinx netlist back as a circuit."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lutra.circuit import Circuit, Lut, Words
from lutra.emit import Rtl
from lutra.errors import ToolError
from lutra.files import read_json
from lutra.passes import BUFFER, INVERTER, Table, with_tables
from lutra.tools.yosys import LIBRARY, Synthesis, run_yosys

__all__ = ["read_netlist"]

_OR, _XOR, _UNLESS = 0b1110, 0b0110, 0b0010
_MUX = 0b11001010  # inputs: where the choice is 0, where it is 1, the choice

Function = tuple[int, list[int], int]
Numbering = Callable[[Hashable], int]


def read_netlist(rtl: Rtl, synthesis: Synthesis, timeout: float = 600) -> Circuit:
    """Return the netlist that lies on disk as a circuit of the same inputs and outputs.

    A register counts as a wire: what comes back says what is computed, not in which cycle.

    Parameters
    ----------
    rtl
        What was synthesised.
    synthesis
        What became of it.
    timeout
        Seconds.

    Raises
    ------
    ToolError
        Yosys is missing or fails, or the netlist cannot be understood.
    """
    folder = synthesis.netlist.parent
    (folder / "netlist.json").unlink(missing_ok=True)
    script = [*LIBRARY, f"read_verilog {synthesis.netlist.name}"]
    script += [f"hierarchy -check -top {rtl.top}", f"select {rtl.top}"]
    script += ["write_json -selected netlist.json"]
    run_yosys(script, folder, timeout)
    data = read_json(folder / "netlist.json", ToolError)
    try:
        return _circuit(rtl, data["modules"][rtl.top])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ToolError(
            f"{synthesis.netlist}: not understood ({error!r}); is this Yosys supported?"
        ) from error


def _circuit(rtl: Rtl, module: Mapping[str, Any]) -> Circuit:
    """Return the circuit of a module."""
    ports = {name: port["bits"] for name, port in module["ports"].items()}
    leaving = [net for port in rtl.outputs if port.bits for net in ports[port.name]]
    circuit = _frame(rtl.circuit, len(leaving))
    number: dict[Hashable, int] = {"0": circuit.bits, "1": circuit.bits + 1}
    number |= {net: i for i, net in enumerate(ports[rtl.input.name] if circuit.input_bits else [])}

    def bit_of(net: Hashable) -> int:
        return number.setdefault(net, circuit.bits + len(number))

    tables = {circuit.bits + value: Table((), value, 0) for value in (0, 1)}
    tables |= {
        i: Table((bit_of(net),), BUFFER, 0) for i, net in enumerate(leaving, circuit.input_bits)
    }
    for name, cell in module["cells"].items():
        pins = {pin: [bit_of(net) for net in nets] for pin, nets in cell["connections"].items()}
        for bit, wires, value in _functions(name, cell, pins, bit_of):
            tables[bit] = Table(tuple(wires), value, 0)
    read = {wire for table in tables.values() for wire in table.wires}
    loose = [net for net, bit in number.items() if bit in read - tables.keys()]
    loose = [net for net in loose if number[net] >= circuit.input_bits]
    if loose:
        raise ValueError(f"nothing drives net {loose[0]}")
    return with_tables(circuit, tables)


def _frame(circuit: Circuit, bits: int) -> Circuit:
    """Return a circuit of the same inputs and outputs, with a constant for each output bit."""
    place = Lut(np.zeros((bits, 0), np.int64), np.zeros((bits, 1, 1), np.uint8), "netlist")
    outputs, first = [], circuit.input_bits
    for output in circuit.outputs:
        shape, size = output.words.bits.shape, output.words.bits.size
        words = Words(np.arange(first, first + size).reshape(shape), output.words.signed)
        outputs.append(replace(output, words=words))
        first += size
    return replace(circuit, ops=(place,), stages=(), outputs=tuple(outputs))


def _functions(
    name: str, cell: Mapping[str, Any], pins: Mapping[str, list[int]], bit_of: Numbering
) -> Iterator[Function]:
    """Return what a cell makes: bits, those that they depend on, and their tables."""
    kind = cell["type"]
    match kind:
        case "LUT1" | "LUT2" | "LUT3" | "LUT4" | "LUT5" | "LUT6":
            wires = [pins[f"I{j}"][0] for j in range(int(kind[3]))]
            yield pins["O"][0], wires, int(cell["parameters"]["INIT"], 2)
        case "LUT6_2":
            wires = [pins[f"I{j}"][0] for j in range(6)]
            value = int(cell["parameters"]["INIT"], 2)
            yield pins["O6"][0], wires, value
            yield pins["O5"][0], wires[:5], value & 0xFFFF_FFFF
        case "INV":
            yield pins["O"][0], pins["I"], INVERTER
        case "BUF":
            yield pins["O"][0], pins["I"], BUFFER
        case "MUXF7" | "MUXF8" | "MUXF9":
            yield pins["O"][0], [pins["I0"][0], pins["I1"][0], pins["S"][0]], _MUX
        case "CARRY4" | "CARRY8":
            if cell.get("parameters", {}).get("CARRY_TYPE", "SINGLE_CY8") != "SINGLE_CY8":
                raise ValueError(f"cell {name} is two carry chains")
            (carry,) = pins["CI"]
            if kind == "CARRY4":
                carry = bit_of((name, "CI"))
                yield carry, [pins["CI"][0], pins["CYINIT"][0]], _OR
            for j, (low, select) in enumerate(zip(pins["DI"], pins["S"], strict=True)):
                if "O" in pins:
                    yield pins["O"][j], [select, carry], _XOR
                above = pins["CO"][j] if "CO" in pins else bit_of((name, j))
                yield above, [low, carry, select], _MUX
                carry = above
        case "FDRE" | "FDSE":
            if cell["connections"]["CE"] != ["1"]:
                raise ValueError(f"register {name} is not always on")
            force, value = ("R", _UNLESS) if kind == "FDRE" else ("S", _OR)
            yield pins["Q"][0], [pins["D"][0], pins[force][0]], value
        case "VCC" | "GND":
            yield pins["P" if kind == "VCC" else "G"][0], [], int(kind == "VCC")
        case "$scopeinfo":
            pass
        case _:
            raise ValueError(f"cell {name} is a {kind}")
