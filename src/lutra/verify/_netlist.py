"""Circuit == synthesised netlist, for every input."""

from lutra.emit import Rtl
from lutra.errors import VerifyError
from lutra.tools import Synthesis, read_netlist
from lutra.verify._equivalence import counterexamples

__all__ = ["check_netlist"]


def check_netlist(rtl: Rtl, synthesis: Synthesis, timeout: float = 600) -> None:
    """Prove that the netlist of a design computes what its circuit does, as it lies on disk.

    Registers count as wires: that the outputs come in the right cycle is for `verify_rtl`. Sums of
    many terms are hard in style ``constants``, where Yosys adds in another order than
    `lutra.passes.expand`; those of style ``luts`` have their inner bits in common with it.

    Parameters
    ----------
    rtl, synthesis
        What went into `lutra.tools.synthesise`, and what came out.
    timeout
        Seconds for the proof.

    Raises
    ------
    VerifyError
        They differ; the message names the output, word, bit and input words.
    ToolError
        Yosys or ABC is missing, fails or errs, or the netlist cannot be understood.
    """
    (found,) = counterexamples(
        rtl.circuit, [read_netlist(rtl, synthesis, timeout)], timeout=timeout
    )
    if found:
        tool = synthesis.tool
        raise VerifyError(
            f"{synthesis.netlist}: circuit {rtl.circuit.name!r} and its netlist by {tool.name} "
            f"{tool.version} differ at {found}"
        )
