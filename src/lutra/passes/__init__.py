"""Circuit -> circuit. No torch here.

::

    pipeline(circuit, every: int) -> Circuit         register bank after every r-th level of tables
    split(circuit) -> Parts                          .encoder .core .head .argmax: Circuit | None
    without_encoder(circuit) -> Circuit              takes code words instead of raw words
    encoder_words(circuit, inputs) -> ndarray        raw words -> input words of without_encoder
    without_argmax(circuit) -> Circuit               drops Argmax and the outputs that read it
"""
