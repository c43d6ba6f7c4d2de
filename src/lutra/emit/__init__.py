"""Circuit -> Verilog. No torch here.

::

    emit_verilog(circuit, folder, *, style="constants" | "luts", input_register=False,
                 output_register=False, encoder=True, argmax=True) -> Rtl
    emit_testbench(rtl, inputs[samples, words]) -> Path          tb.v and its vector files
    Rtl(folder, top, files, style, circuit, input, outputs, latency); .clocked
    Port(name, label, words, width, signed); .bits
    Names(reserved).add(text) -> str                             the one mangler
    PRIMITIVES: Path                                             simulation models of LUT1..6 etc.

``Rtl.circuit`` is the circuit as emitted: after ``encoder=False`` its inputs are code words.
"""
