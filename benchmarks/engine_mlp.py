"""A network of lookup tables beside a float network of the same accuracy in ONNX Runtime, on MNIST.

    pip install 'lutra[bench]'
    lutra bench engine-mlp               # writes benchmarks/results/engine-mlp.json

The peer is a perceptron of one hidden layer, the smallest of `HIDDEN` whose accuracy on validation
is at least that of the recipe's network, trained on the same rows. Both go from uint8 pixels to the
class on one thread; rates are the best of `REPEATS` calls at the batch of `BATCHES` that suits each
best. The accuracies on test are beside them.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lutra.bench import record
from lutra.circuit import evaluate
from lutra.engine import Program
from lutra.errors import LutraError, missing_extra
from lutra.flow import open_run
from lutra.provenance import packages

ROOT = Path(__file__).parents[1]
RECIPE = "neuralut-assemble-mnist"
HIDDEN = (24, 32, 48, 64, 96, 128, 192, 256)
BATCHES = (64, 256, 1024, 4096, 16384)
EPOCHS, BATCH, REPEATS = 20, 128, 9


def main() -> int:
    """Train what is not trained yet, measure, write the figures."""
    run = open_run(ROOT / "recipes" / f"{RECIPE}.toml", ROOT / "runs")
    run.train()
    data, circuit = run.data, run.lower()
    x, y = data.test.x.astype(np.uint8), data.test.y
    held = evaluate(circuit, data.validation.x)["class"][:, 0]
    wanted = float(np.mean(held == data.validation.y))
    program = Program(circuit, ["class"])
    classes = program.run(x, 1)["class"][:, 0]
    if not np.array_equal(classes, evaluate(circuit, x)["class"][:, 0]):
        raise SystemExit("the program's classes differ from the circuit's")
    for hidden in HIDDEN:
        model = _train(hidden, data.train.x, data.train.y)
        found = float(np.mean(_predict(model, data.validation.x) == data.validation.y))
        sys.stderr.write(
            f"{hidden} hidden neurons: {100 * found:.2f} %, wanted {100 * wanted:.2f}\n"
        )
        if found >= wanted:
            break
    else:
        raise SystemExit("no float network reaches the accuracy")
    session = _session(model)
    peer_classes = session.run(None, {"x": x})[0]
    many = np.resize(x, (max(BATCHES), x.shape[1]))
    rates = {
        "ours": _rates(many, lambda part: program.run(part, 1)),
        "peer": _rates(many, lambda part: session.run(None, {"x": part})),
    }
    ours, peer = max(rates["ours"].values()), max(rates["peer"].values())
    record(
        "engine-mlp",
        {
            "unit": "samples/s of one core",
            "ours": ours,
            "peer": peer,
            "ratio": ours / peer,
            "by_batch": rates,
            "hidden": hidden,
            "test_accuracy": 100 * float(np.mean(classes == y)),
            "peer_tools": packages("onnxruntime"),
            "peer_test_accuracy": 100 * float(np.mean(peer_classes == y)),
        },
    )
    return 0


def _train(hidden: int, x: NDArray[Any], y: NDArray[Any]) -> torch.nn.Sequential:
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 10)
    )
    pixels, labels = torch.from_numpy(x).float() / 255, torch.from_numpy(y)
    steps = EPOCHS * (len(x) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x))[: len(x) // BATCH * BATCH].split(BATCH):
            loss = torch.nn.functional.cross_entropy(model(pixels[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model


@torch.no_grad()
def _predict(model: torch.nn.Sequential, x: NDArray[Any]) -> NDArray[np.int64]:
    return model(torch.from_numpy(x).float() / 255).argmax(1).numpy()


def _session(model: torch.nn.Sequential) -> Any:
    """Return the network in ONNX Runtime, from uint8 pixels to the class, on one thread."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise LutraError(missing_extra("engine-mlp", "onnx and onnxruntime", "bench")) from error
    make = onnx.helper.make_node
    nodes = [
        make("Cast", ["x"], ["float"], to=onnx.TensorProto.FLOAT),
        make("Gemm", ["float", "w1", "b1"], ["h"], transB=1),
        make("Relu", ["h"], ["r"]),
        make("Gemm", ["r", "w2", "b2"], ["scores"], transB=1),
        make("ArgMax", ["scores"], ["class"], axis=1, keepdims=0),
    ]
    found = model.state_dict()
    weights = {"b1": found["0.bias"], "w2": found["2.weight"], "b2": found["2.bias"]}
    weights["w1"] = found["0.weight"] / 255
    pixels = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, ["n", 784])
    classes = onnx.helper.make_tensor_value_info("class", onnx.TensorProto.INT64, ["n"])
    arrays = [onnx.numpy_helper.from_array(value.numpy(), name) for name, value in weights.items()]
    graph = onnx.helper.make_graph(nodes, "mlp", [pixels], [classes], arrays)
    whole = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    whole.ir_version = 9
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        whole.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _rates(x: NDArray[np.uint8], call: Callable[[NDArray[np.uint8]], object]) -> dict[str, float]:
    result = {}
    for batch in BATCHES:
        seconds = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            call(x[:batch])
            seconds.append(time.perf_counter() - started)
        result[str(batch)] = batch / min(seconds)
    return result


if __name__ == "__main__":
    sys.exit(main())
