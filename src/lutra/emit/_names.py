"""The one way from a user's text to a name in generated code."""

import re
from collections.abc import Iterable

__all__ = ["Names", "comment"]

MAX_LENGTH = 64

_VERILOG = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before
begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class
clocking cmos config const constraint context continue cover covergroup coverpoint cross deassign
default defparam design disable dist do edge else end endcase endchecker endclass endclocking
endconfig endfunction endgenerate endgroup endinterface endmodule endpackage endprimitive endprogram
endproperty endsequence endspecify endtable endtask enum event eventually expect export extends
extern final first_match for force foreach forever fork forkjoin function generate genvar global
highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include
initial inout input inside instance int integer interconnect interface intersect join join_any
join_none large let liblist library local localparam logic longint macromodule matches medium
modport module nand negedge nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or
output package packed parameter pmos posedge primitive priority program property protected pull0
pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence
rcmos real realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0
rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal
showcancelled signed small soft solve specify specparam static std string strong strong0 strong1
struct super supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout time
timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union
unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait wait_order
wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""
_VHDL = """
abs access after alias all and architecture array assert attribute begin block body buffer bus case
component configuration constant disconnect downto else elsif end entity exit file for function
generate generic group guarded if impure in inertial inout is label library linkage literal loop map
mod nand new next nor not null of on open or others out package port postponed procedure process
protected pure range record register reject rem report return rol ror select severity shared signal
sla sll sra srl subtype then to transport type unaffected units until use variable wait when while
with xnor xor
"""
_TCL = """
after append apply array bgerror binary break catch cd chan clock close concat continue coroutine
dict encoding eof error eval exec exit expr fblocked fconfigure fcopy file fileevent flush for
foreach format gets glob global history if incr info interp join lappend lassign lindex linsert list
llength lmap load lrange lrepeat lreplace lreverse lsearch lset lsort namespace open package pid
proc puts pwd read regexp regsub rename return scan seek set socket source split string subst switch
tailcall tell throw time trace try unload unset update uplevel upvar variable vwait while yield
"""
_CPP = """
alignas alignof asm auto bool catch char concept const_cast constexpr decltype delete double
dynamic_cast explicit false float friend goto inline long mutable namespace noexcept nullptr
operator private public register requires reinterpret_cast short signed sizeof static_assert
static_cast switch template thread_local throw true try typeid typename using volatile wchar_t
errno infinity linux main nan stderr stdin stdout unix
vtop contextp eval_step eval_end_step hiername modelname name rootp threads trace tracecapable
eventspending nexttimeslot prepareclone atclone vlsymsp vlsym
"""  # simulators translate to C++; the last lines are names that Verilator's model class has
_PRIMITIVES = """
lut1 lut2 lut3 lut4 lut5 lut6 lut6_2 muxf7 muxf8 muxf9 inv buf bufg ibuf obuf fdre fdse fdce fdpe
carry4 carry8 gnd vcc glbl tb
"""
_TAKEN = frozenset(f"{_VERILOG} {_VHDL} {_TCL} {_CPP} {_PRIMITIVES}".split())


class Names:
    """Hands out names of one scope: no keyword, no repetition, whatever the letters' case.

    Parameters
    ----------
    reserved
        Names that the scope uses already.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._used = {name.lower() for name in reserved}

    def add(self, text: str) -> str:
        """Return a new name that resembles ``text``.

        It matches ``[A-Za-z_][A-Za-z0-9_]{0,63}``, differs from every earlier one in more than
        case, and is no keyword of Verilog, SystemVerilog, VHDL, Tcl or C++; where needed, a
        number is appended. Runs of other characters become one underscore.
        """
        stem = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
        if not stem or stem[0].isdigit():
            stem = f"n{stem}"
        name, number = stem[:MAX_LENGTH].rstrip("_"), 0
        while name.lower() in self._used or name.lower() in _TAKEN:
            number += 1
            name = f"{stem[: MAX_LENGTH - 1 - len(str(number))].rstrip('_')}_{number}"
        self._used.add(name.lower())
        return name


def comment(text: str) -> str:
    """Return ``text`` made harmless for a ``//`` comment: printable ASCII in one line.

    Backticks, backslashes and slashes, which tools read even in comments, become ``?``.
    """
    return re.sub(r"[^ -~]|[`\\/]", "?", text)[:200]
