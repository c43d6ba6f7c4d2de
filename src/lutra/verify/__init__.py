"""Proving that two stages agree, bit for bit.

::

    first_difference(expected, got) -> Difference | None     both: output name -> [samples, words]
    Difference(sample, output, word, bit, expected, got); str() is a sentence
    verify_rtl(circuit, inputs, folder, *, every=None, style="constants", input_register=False,
               output_register=False, encoder=True, argmax=True, netlist=False) -> RtlReport
    check_rtl(rtl, inputs) -> RtlReport              the same for RTL that lies on disk already
    RtlReport(stage, samples, outputs, latency, tools, seconds); a difference raises VerifyError
"""
