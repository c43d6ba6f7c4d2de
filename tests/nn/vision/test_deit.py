"""Published weights: by their names and shapes, made here; no real ones are at hand."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from lutra.errors import ModelError
from lutra.nn.vision import VisionTransformer, load_deit
from lutra.vit import LutMixer, MlpMixer, Vit, deit_tiny
from tests.nn.vision.models import MIXERS, build

DIM, LAYERS, HEADS, PATCH, CLASSES = 12, 2, 3, 4, 10
MEAN, DEVIATION = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).double()


def published(
    dim: int, layers: int, patch: int, tokens: int, classes: int, seed: int = 0
) -> dict[str, Tensor]:
    """Return weights by the names of DeiT's, with an MLP of four times the width."""
    draw = torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, dim),
        "pos_embed": (1, tokens, dim),
        "patch_embed.proj.weight": (dim, 3, patch, patch),
        "patch_embed.proj.bias": (dim,),
        "norm.weight": (dim,),
        "norm.bias": (dim,),
        "head.weight": (classes, dim),
        "head.bias": (classes,),
    }
    for number in range(layers):
        own = {
            "norm1": (dim,),
            "norm2": (dim,),
            "attn.qkv": (3 * dim, dim),
            "attn.proj": (dim, dim),
            "mlp.fc1": (4 * dim, dim),
            "mlp.fc2": (dim, 4 * dim),
        }
        for name, shape in own.items():
            shapes[f"blocks.{number}.{name}.weight"] = shape
            shapes[f"blocks.{number}.{name}.bias"] = shape[:1]
    return {name: 0.3 * torch.randn(shape, generator=draw) for name, shape in shapes.items()}


def small(mixer: MlpMixer | LutMixer | None = None, **changes: int) -> VisionTransformer:
    """Return a ViT of 5 tokens whose weights `published` can be."""
    mixer = mixer or MlpMixer(kind="mlp", ratio=4)
    config = Vit(family="vit", layers=LAYERS, heads=HEADS, dim=DIM, patch=PATCH, mixer=mixer)
    generator = torch.Generator().manual_seed(5)
    shape = (3, changes.get("height", 8), changes.get("width", 8))
    return VisionTransformer(config, shape, changes.get("classes", CLASSES), generator)


def weights() -> dict[str, Tensor]:
    return published(DIM, LAYERS, PATCH, 5, CLASSES)


def scores(given: dict[str, Tensor], pixels: Tensor) -> Tensor:
    """Say in plain torch what the published model says of pixels, 0 to 255; in float64."""
    w = {name: tensor.double() for name, tensor in given.items()}
    x = (pixels.double() / 255 - MEAN[:, None, None]) / DEVIATION[:, None, None]
    x = F.conv2d(x, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=PATCH)
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([w["cls_token"].expand(len(x), 1, DIM), x], 1) + w["pos_embed"]

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (DIM,), w[f"{name}.weight"], w[f"{name}.bias"], 1e-6)

    for number in range(LAYERS):
        block = f"blocks.{number}"
        attention = nn.MultiheadAttention(DIM, HEADS, batch_first=True, dtype=torch.float64)
        with torch.no_grad():
            attention.in_proj_weight.copy_(w[f"{block}.attn.qkv.weight"])
            attention.in_proj_bias.copy_(w[f"{block}.attn.qkv.bias"])
            attention.out_proj.weight.copy_(w[f"{block}.attn.proj.weight"])
            attention.out_proj.bias.copy_(w[f"{block}.attn.proj.bias"])
        normal = norm(x, f"{block}.norm1")
        x = x + attention(normal, normal, normal, need_weights=False)[0]
        hidden = F.linear(
            norm(x, f"{block}.norm2"), w[f"{block}.mlp.fc1.weight"], w[f"{block}.mlp.fc1.bias"]
        )
        hidden = hidden * torch.sigmoid(1.702 * hidden)
        x = x + F.linear(hidden, w[f"{block}.mlp.fc2.weight"], w[f"{block}.mlp.fc2.bias"])
    return F.linear(norm(x[:, 0], "norm"), w["head.weight"], w["head.bias"])


def images(height: int = 8, width: int = 8) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (6, 3, height, width), generator=draw, dtype=torch.uint8)


@pytest.mark.parametrize("form", ["safetensors", "npz", "half"])
def test_the_model_says_what_the_published_one_says(form: str, tmp_path: Path) -> None:
    model, given = small(), weights()
    if form == "half":
        given = {name: tensor.half() for name, tensor in given.items()}
    path = tmp_path / ("w.npz" if form == "npz" else "w.safetensors")
    if form == "npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in given.items()})
    else:
        save_file(given, path)
    load_deit(model, path)
    found = model.train(False)(images().flatten(1))
    expected = scores(given, images())
    assert torch.allclose(found.double(), expected, atol=1e-4, rtol=1e-4)
    assert expected.std() > 0.1


def test_tables_take_all_but_the_mlps(tmp_path: Path) -> None:
    for mlps in (True, False):
        model, other = small(MIXERS["lut"]), small(MIXERS["lut"])
        given = {name: x for name, x in weights().items() if mlps or ".mlp." not in name}
        save_file(given, tmp_path / "w.safetensors")
        load_deit(model, tmp_path / "w.safetensors")
        own = dict(other.named_parameters())
        for name, parameter in model.named_parameters():
            assert torch.equal(parameter, own[name]) == (".mixer." in name), name


def test_a_head_of_other_classes_keeps_its_weights(tmp_path: Path) -> None:
    save_file(weights(), tmp_path / "w.safetensors")
    model, other = small(classes=7), small(classes=7)
    load_deit(model, tmp_path / "w.safetensors")
    assert torch.equal(model.head.linear_weight, other.head.linear_weight)
    assert torch.equal(model.norm.gain, weights()["norm.weight"])


def test_positions_of_another_grid_are_interpolated(tmp_path: Path) -> None:
    given = published(DIM, LAYERS, PATCH, 1 + 14 * 14, CLASSES)
    rows, columns = torch.meshgrid(torch.arange(14.0), torch.arange(14.0), indexing="ij")
    plane = torch.stack([rows, columns, 0 * rows + 3], -1).repeat(1, 1, DIM // 3)
    given["pos_embed"][0, 1:] = plane.flatten(0, 1)
    save_file(given, tmp_path / "w.safetensors")
    model = small(height=28, width=56)  # 7 x 14 tokens
    load_deit(model, tmp_path / "w.safetensors")
    assert torch.equal(model.positions[:, 0], given["pos_embed"][:, 0])
    grid = model.positions[0, 1:].view(7, 14, DIM // 3, 3)
    inner = grid[2:5, 2:12]  # bicubic interpolation keeps a plane, away from its edges
    assert torch.allclose(inner[..., 0], (2 * torch.arange(2.0, 5) + 0.5)[:, None, None], atol=0.02)
    assert torch.allclose(inner[..., 1], torch.arange(2.0, 12)[None, :, None], atol=1e-4)
    assert torch.allclose(grid[..., 2], torch.tensor(3.0), atol=1e-4)


def test_deit_t_has_its_published_shapes(tmp_path: Path) -> None:
    given = published(192, 12, 16, 197, 1000)
    save_file(given, tmp_path / "w.safetensors")
    model = VisionTransformer(deit_tiny(), (3, 32, 32), 1000)
    load_deit(model, tmp_path / "w.safetensors")
    assert sum(x.numel() for x in model.parameters()) == sum(x.numel() for x in given.values())
    assert sum(x.numel() for x in given.values()) == 5_717_416
    assert torch.equal(model.positions, given["pos_embed"])


WRONG = {
    "is missing": lambda w: w.pop("blocks.1.norm2.bias"),
    "is unknown": lambda w: w.update(dist_token=torch.zeros(1, 1, DIM)),
    "'blocks.2.norm1.weight' is unknown": lambda w: w.update(
        {"blocks.2.norm1.weight": torch.zeros(DIM)}
    ),
    "'a\\n\\x1b[31ma": lambda w: w.update({"a\n\x1b[31m" * 99: torch.zeros(1)}),
    "and 1 more": lambda w: [w.pop(f"blocks.{n}.norm{k}.bias") for n in (0, 1) for k in (1, 2)],
    "has shape": lambda w: w.update({"norm.weight": torch.zeros(DIM + 1)}),
    "pos_embed has shape": lambda w: w.update(pos_embed=torch.zeros(1, 7, DIM)),
    "patch_embed.proj.weight has shape": lambda w: w.update(
        {"patch_embed.proj.weight": torch.zeros(DIM, 3 * PATCH * PATCH)}
    ),
    "head.bias has shape": lambda w: w.update({"head.bias": torch.zeros(())}),
    "is not finite": lambda w: w["norm.bias"].fill_(torch.nan),
    "holds a number that is not finite": lambda w: w.update(
        {"norm.bias": torch.full((DIM,), 1e300, dtype=torch.float64)}
    ),
    "not of real numbers": lambda w: w.update({"norm.bias": torch.zeros(DIM, dtype=torch.int32)}),
}


@pytest.mark.parametrize("says", WRONG)
def test_other_tensors_are_one_error(says: str, tmp_path: Path) -> None:
    model, given, path = small(), weights(), tmp_path / "w.safetensors"
    before = {name: x.clone() for name, x in model.state_dict().items()}
    WRONG[says](given)
    save_file(given, path)
    with pytest.raises(ModelError, match=re.escape(str(path))) as caught:
        load_deit(model, path)
    assert says.removeprefix("is ") in str(caught.value)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())


def test_heads_of_two_sizes_are_refused(tmp_path: Path) -> None:
    given = weights() | {"head.bias": torch.zeros(7)}
    save_file(given, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="head"):
        load_deit(small(), tmp_path / "w.safetensors")


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name in ("w.pth", "w.bin"):
        with pytest.raises(ModelError, match="convert"):
            load_deit(small(), tmp_path / name)
    for name in ("w.safetensors", "w.npz"):
        with pytest.raises(ModelError, match="not a readable"):
            load_deit(small(), tmp_path / name)
        for content in (b"", b"PK\x03\x04 and more", b"\x80\x04."):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(ModelError, match="not a readable"):
                load_deit(small(), tmp_path / name)
    np.savez(tmp_path / "w.npz", x=np.array([{}], dtype=object))
    with pytest.raises(ModelError, match="not a readable"):
        load_deit(small(), tmp_path / "w.npz")
    np.savez_compressed(tmp_path / "w.npz", x=np.arange(1000) % 7)
    whole = (tmp_path / "w.npz").read_bytes()
    entry = whole.index(b"PK\1\2")
    # In the compressed numbers; that they are encrypted; by which method they are compressed.
    for place in (60, entry + 8, entry + 10):
        (tmp_path / "w.npz").write_bytes(whole[:place] + b"\x61" + whole[place + 1 :])
        with pytest.raises(ModelError, match="not a readable"):
            load_deit(small(), tmp_path / "w.npz")
    save_file(weights(), tmp_path / "w.safetensors")
    for model in (build("cct-mlp-8", (3, 8, 8)), build("vit-mlp-8", (1, 8, 8))):
        with pytest.raises(ModelError, match="family 'vit'"):
            load_deit(model, tmp_path / "w.safetensors")
