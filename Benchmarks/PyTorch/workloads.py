"""PyTorch's side of the workloads in Benchmarks/Suite/Workloads: the same names, seeds, shapes and orders of random numbers."""

import os
import pathlib
import random

import torch
from torch import nn
from torch.nn import functional as F

import models

WORKLOADS = {}


def workload(name):
    """The function returns numbers to agree on and what is timed."""

    def add(prepare):
        def seeded():
            torch.manual_seed(0)
            return prepare()

        WORKLOADS[name] = seeded
        return prepare

    return add


def digest(tensor):
    flat = tensor.detach().double().flatten()
    places = torch.arange(flat.numel()).double().remainder(97.0) / 97.0
    return [flat.mean().item(), flat.abs().mean().item(), (flat * places).mean().item()]


def training(step):
    losses = [step().item() for _ in range(3)]
    return losses, step


def classifier_step(model, optimizer, x, y):
    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def inference(model, x):
    model.eval()

    def run():
        with torch.no_grad():
            return model(x)

    return digest(run()), run


# Small operations


@workload("add-10")
def _():
    a, b = torch.rand(10), torch.rand(10)
    return digest(a + b), lambda: a + b


@workload("add-10-gradient")
def _():
    a, w = torch.rand(10), torch.rand(10, requires_grad=True)
    return digest(a + w), lambda: a + w


@workload("chain-backward")
def _():
    b, w = torch.rand(10), torch.rand(10, requires_grad=True)
    y = w
    for _ in range(1000):
        y = y + b
    y = y.sum()
    y.backward(retain_graph=True)
    return digest(w.grad), lambda: y.backward(retain_graph=True)


# Networks


def mlp():
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


@workload("mlp-training")
def _():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, y = torch.rand(64, 784), torch.randint(0, 10, (64,))
    return training(classifier_step(model, optimizer, x, y))


@workload("cnn-training")
def _():
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = torch.rand(64, 1, 28, 28), torch.randint(0, 10, (64,))
    return training(classifier_step(model, optimizer, x, y))


@workload("resnet18-training")
def _():
    model = models.ResNet(models.BasicBlock, [2, 2, 2, 2], 10, small=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x, y = torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))
    return training(classifier_step(model, optimizer, x, y))


@workload("resnet50-inference")
def _():
    model = models.ResNet(models.Bottleneck, [3, 4, 6, 3], 1000, small=False)
    return inference(model, torch.randn(8, 3, 224, 224))


@workload("mobilenetv2-inference")
def _():
    model = models.MobileNetV2()
    return inference(model, torch.randn(8, 3, 224, 224))


@workload("start")
def _():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, y = torch.rand(64, 784), torch.randint(0, 10, (64,))
    return [classifier_step(model, optimizer, x, y)().item()], None


# Transformers


def gpt(compiled):
    model = models.GPT2(1024, 256, 6, 6, 384)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    tokens = torch.randint(0, 1024, (8, 257))
    x, y = tokens[:, :256].contiguous(), tokens[:, 1:].flatten()

    def loss_of(x, y):
        return F.cross_entropy(model(x).flatten(0, 1), y)

    if compiled:
        loss_of = torch.compile(loss_of)

    def step():
        optimizer.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        return loss

    return training(step)


@workload("gpt-training")
def _():
    return gpt(False)


@workload("gpt-training-compiled")
def _():
    return gpt(True)


workload("graph-gpt-training")(lambda: gpt(False))
workload("graph-gpt-training-compiled")(lambda: gpt(True))


def graph(name, prepare):
    """A model and its inputs, run eagerly and by torch.compile."""

    @workload(name)
    def _():
        model, inputs = prepare()
        return inference(lambda: model(*inputs))

    @workload(name + "-compiled")
    def _():
        model, inputs = prepare()
        compiled = torch.compile(model)
        return inference(lambda: compiled(*inputs))

    def inference(run):
        def without_gradients():
            with torch.no_grad():
                return run()

        return digest(without_gradients()), without_gradients


def resnet50():
    model = models.ResNet(models.Bottleneck, [3, 4, 6, 3], 1000, small=False)
    return model.eval(), [torch.randn(8, 3, 224, 224)]


def tiny_mlp():
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    return model.eval(), [torch.randn(1, 8)]


graph("graph-resnet50-inference", resnet50)
graph("graph-tiny-mlp", tiny_mlp)
graph("graph-chain", lambda: (
    lambda x, y: ((((x * y + x).sigmoid() - y) * 2).tanh() + x).relu() * y, [torch.rand(10_000_000), torch.rand(10_000_000)]))


@workload("bert-inference")
def _():
    block = nn.TransformerEncoderLayer(384, 6, 1536, activation="gelu", batch_first=True)
    model = nn.TransformerEncoder(block, 6, enable_nested_tensor=False)
    return inference(model, torch.randn(32, 128, 384))


# Recurrent networks


@workload("lstm-training")
def _():
    model = models.LanguageModel(1000, 512)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randint(0, 1000, (35, 32)), torch.randint(0, 1000, (35 * 32,))
    return training(classifier_step(model, optimizer, x, y))


class Numbers:
    """The same small numbers here and in Swift."""

    def __init__(self):
        self.state = 1

    def next(self, bound):
        self.state = (self.state * 1103515245 + 12345) % (1 << 31)
        return (self.state >> 8) % bound


def random_tree(leaves, numbers):
    if leaves == 1:
        return torch.tensor([numbers.next(200)])
    left = 1 + numbers.next(leaves - 1)
    first = random_tree(left, numbers)
    return first, random_tree(leaves - left, numbers)


@workload("tree-lstm-training")
def _():
    model = models.TreeClassifier(200, 64, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    numbers = Numbers()
    trees = [random_tree(12 + numbers.next(12), numbers) for _ in range(16)]
    labels = [torch.tensor([i % 5]) for i in range(16)]
    turn = 0

    def step():
        nonlocal turn
        optimizer.zero_grad()
        loss = F.cross_entropy(model(trees[turn]), labels[turn])
        loss.backward()
        optimizer.step()
        turn = (turn + 1) % len(trees)
        return loss

    return training(step)


# Large single operations


def with_gradient(name, function):
    @workload(name)
    def _():
        x, w, g = torch.randn(4096, 1024, requires_grad=True), torch.rand(1024), torch.randn(4096, 1024)

        def run():
            x.grad = None
            y = function(x, w)
            y.backward(g)
            return y

        y = run()
        return digest(y) + digest(x.grad), run


with_gradient("softmax", lambda x, w: x.softmax(1))
with_gradient("layer-norm", lambda x, w: F.layer_norm(x, [1024], w, w))
with_gradient("gelu", lambda x, w: F.gelu(x))


@workload("cross-entropy")
def _():
    x, y = torch.randn(4096, 1024, requires_grad=True), torch.randint(0, 1024, (4096,))

    def run():
        x.grad = None
        loss = F.cross_entropy(x, y)
        loss.backward()
        return loss

    return [run().item()] + digest(x.grad * 1e4), run


def chain(count):
    @workload(f"pointwise-{count}")
    def _():
        x, y = torch.rand(count), torch.rand(count)

        def run():
            return (((((x * y) + x).sigmoid() - y) * 2).tanh() + x).relu()

        return digest(run()), run


chain(1_000_000)
chain(10_000_000)


@workload("adam-step")
def _():
    parameters = [torch.randn(100_000, requires_grad=True) for _ in range(100)]
    for parameter in parameters:
        parameter.grad = parameter.detach() * 0.1
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    optimizer.step()
    return digest(parameters[0]), optimizer.step


def gemm(n, dtype, label):
    @workload(f"gemm-{label}-{n}")
    def _():
        a, b = torch.rand(n, n).to(dtype), torch.rand(n, n).to(dtype)
        return digest(a @ b), lambda: a @ b


for n in (64, 128, 256, 512, 1024, 2048):
    gemm(n, torch.float32, "f32")
for n in (256, 512, 1024, 2048):
    gemm(n, torch.bfloat16, "bf16")


# Ten million elements


def on_10m(name, function):
    @workload(name)
    def _():
        x, i = torch.rand(10_000_000), torch.randint(0, 10_000_000, (10_000_000,))
        return digest(function(x, i)), lambda: function(x, i)


on_10m("sort", lambda x, i: x.sort().values)
on_10m("topk", lambda x, i: x.topk(100).values)
on_10m("cumsum", lambda x, i: x.cumsum(0))
on_10m("gather", lambda x, i: x.gather(0, i))
on_10m("scatter-add", lambda x, i: torch.zeros(10_000_000).scatter_add(0, i, x))
on_10m("boolean-mask", lambda x, i: x[x > 0.5])


@workload("embedding")
def _():
    table, tokens = torch.rand(50_000, 512, requires_grad=True), torch.randint(0, 50_000, (8192,))

    def run():
        table.grad = None
        y = F.embedding(tokens, table)
        y.sum().backward()
        return y

    return digest(run()) + digest(table.grad), run


# Data


class AugmentedPictures(torch.utils.data.Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        padded = F.pad(self.images[index].float(), (2, 2, 2, 2))
        top, left = random.randint(0, 4), random.randint(0, 4)
        picture = padded[top:top + 28, left:left + 28]
        if random.random() < 0.5:
            picture = picture.flip(1)
        return (picture * (2 / 255) - 1).unsqueeze(0)


@workload("loader")
def _():
    images = torch.randint(0, 256, (10_000, 28, 28)).to(torch.uint8)
    loader = torch.utils.data.DataLoader(AugmentedPictures(images), batch_size=64, num_workers=2, persistent_workers=True)

    def epoch():
        return sum(len(batch) for batch in loader)

    return [float(epoch())], epoch


# Models from ONNX files, in onnxruntime


def onnx(name, file, inputs):
    @workload(name)
    def _():
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        path = sorted(pathlib.Path(os.environ["EMBER_ONNX_MODELS"]).rglob(file))[0]
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        values = {port.name: value.numpy() for port, value in zip(session.get_inputs(), inputs())}
        return digest(torch.from_numpy(session.run(None, values)[0])), lambda: session.run(None, values)


def speech(batch):
    return [torch.rand(batch, 576) * 0.2 - 0.1, torch.zeros(2, batch, 128), torch.tensor(16000)]


def page():
    rows, columns = torch.arange(320).view(320, 1), torch.arange(480).view(1, 480)
    dark = (rows // 20 % 2 == 0) & (columns // 6 % 3 == 0)
    return [(dark.float() * -3.6 + 2).expand(1, 3, 320, 480).contiguous()]


onnx("onnx-silero", "silero_vad.onnx", lambda: speech(1))
onnx("onnx-silero-batch", "silero_vad.onnx", lambda: speech(3))
onnx("onnx-detection", "ch_PP-OCRv4_det_infer.onnx", page)
onnx("onnx-recognition", "ch_PP-OCRv4_rec_infer.onnx", lambda: [torch.rand(2, 3, 48, 320)])
onnx("onnx-classification", "ch_ppocr_mobile_v2.0_cls_infer.onnx", lambda: [torch.rand(2, 3, 48, 192)])
onnx("onnx-magika", "model.onnx", lambda: [torch.randint(0, 257, (4, 2048)).int()])
