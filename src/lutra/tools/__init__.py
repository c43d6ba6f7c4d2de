"""Finding and running Yosys, ABC, Verilator, g++ and slang. No torch here.

::

    Tool(name, path, version, how); find_yosys(), find_abc(), find_verilator(), find_compiler()
    doctor() -> list[ToolStatus(name, tool | None, problem)]
    run(argv, folder, *, timeout, log) -> Completed(seconds, output)
    simulate(rtl, inputs[samples, words], folder=None) -> dict[output name, ndarray[samples, words]]
    lint(rtl) -> None
    run_testbench(rtl) -> str                        log of tb.v; ToolError when it fails
    parse(files, top) -> Parsed(modules, ports)      a second, independent front end
    synthesise(rtl, folder=None) -> Synthesis        post-synthesis figures: luts, lut6_total, ff...
    synthesise_parts(circuit, folder) -> PartsSynthesis   total, encoder, core, head, argmax, levels
"""
