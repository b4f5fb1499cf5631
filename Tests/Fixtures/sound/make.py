#!/usr/bin/env python3
"""Writes ../sound.pt: what librosa, torchcrepe and resemblyzer make of sounds that the tests make again.

    $(scripts/pytorch) Tests/Fixtures/sound/make.py

Weights of networks and samples are hashes of their positions, so that they need not be stored (`noise`, in Swift `Noise`).
"""

import pathlib
import sys

import numpy
import torch

root = pathlib.Path(__file__).resolve().parent.parent.parent.parent
sys.path.insert(0, str(root / "scripts" / "side-by-side"))

import sound

sound.libraries()
import librosa
import resemblyzer.audio
import torchcrepe
from resemblyzer import VoiceEncoder, hparams

torchcrepe.convert.dither = lambda cents: cents


def noise(count, seed):
    """Numbers from -0.5 to 0.5, exact in float32."""
    x = (numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(seed * 0x9E3779B1)) & numpy.uint64(0xFFFFFFFF)
    for shift, factor in (16, 0x85EBCA6B), (13, 0xC2B2AE35):
        x = ((x ^ (x >> numpy.uint64(shift))) * numpy.uint64(factor)) & numpy.uint64(0xFFFFFFFF)
    return (x >> numpy.uint64(8)).astype(numpy.float64) / 2**24 - 0.5


def samples(count, seed, period):
    """Noise and a square wave."""
    wave = numpy.where(numpy.arange(count) // (period // 2) % 2 == 0, 0.125, -0.125)
    return (noise(count, seed) / 8 + wave).astype(numpy.float32)


def fill(state):
    """Weights of about the size that layers begin with."""
    result = {}
    for number, (name, tensor) in enumerate(state.items()):
        values = noise(tensor.numel(), number)
        if name.endswith("running_var"):
            values = values + 1
        elif tensor.dim() > 1:
            values = values * 3.5 / (tensor.numel() // tensor.shape[0]) ** 0.5
        result[name] = torch.from_numpy(values).to(tensor.dtype).reshape(tensor.shape)
    return result


def filters():
    for options in [
        {"sr": 16000, "n_fft": 400, "n_mels": 40},
        {"sr": 8000, "n_fft": 256, "n_mels": 12, "fmin": 100.0, "fmax": 3000.0, "htk": True, "norm": None},
        {"sr": 22050, "n_fft": 511, "n_mels": 9, "norm": None},
    ]:
        yield {
            "rate": options["sr"], "size": options["n_fft"], "bands": options["n_mels"], "low": options.get("fmin", 0.0),
            "high": options.get("fmax", options["sr"] / 2), "htk": options.get("htk", False), "area": "norm" not in options,
            "weights": torch.from_numpy(librosa.filters.mel(**options)),
        }


def pitch():
    network = torchcrepe.Crepe("tiny")
    network.load_state_dict(fill(network.state_dict()))
    torchcrepe.infer.model, torchcrepe.infer.capacity = network.eval(), "tiny"
    x = torch.from_numpy(samples(1500, 1, 80))[None]
    x[:, :600] = 0
    with torch.no_grad():
        frames = torch.cat(list(torchcrepe.preprocess(x, 16000, 160)))
        yield {"probabilities": torchcrepe.infer(frames, "tiny"), "embedding": torchcrepe.infer(frames, "tiny", embed=True)[-1].clone()}


def decoding():
    """A voice that glides, jumps and falls silent, with noise around."""
    time = 30
    place = numpy.concatenate([numpy.linspace(60, 110, 12), numpy.linspace(230, 225, 10), numpy.full(8, 300)])
    height = numpy.array([0.9] * 10 + [0.02] * 3 + [0.7] * 12 + [0.0] * 5)
    bell = numpy.exp(-((numpy.arange(360)[None] - place[:, None]) ** 2) / 8) * height[:, None]
    probabilities = torch.from_numpy(numpy.clip(bell + (noise(time * 360, 7).reshape(time, 360) + 0.5) * 0.2, 0, 1)).float()
    decoders = {"viterbi": torchcrepe.decode.viterbi, "argmax": torchcrepe.decode.argmax, "weighted": torchcrepe.decode.weighted_argmax}
    cases = []
    for name, decoder in decoders.items():
        for low, high in (50.0, 2006.0), (32.0, 2006.0), (65.4, 523.25), (200.0, 210.0):
            frequencies, periodicities = torchcrepe.postprocess(
                probabilities.T[None].clone(), low, high, decoder, return_periodicity=True)
            cases.append({
                "method": name, "low": low, "high": high, "frequencies": frequencies[0].float(), "periodicities": periodicities[0]})
    return {"probabilities": probabilities, "cases": cases}


def viterbi():
    cases = []
    for states, steps in (2, 9), (3, 1), (4, 7), (7, 40):
        likelihoods = (noise(states * steps, states) + 0.5).astype(numpy.float32).reshape(states, steps)
        transitions = noise(states * states, 9).reshape(states, states) + 0.5
        transitions[0, 1] = 0
        transitions = transitions / transitions.sum(1, keepdims=True)
        path = librosa.sequence.viterbi(likelihoods, transitions)
        cases.append({
            "likelihoods": torch.from_numpy(likelihoods.T.copy()), "transitions": torch.from_numpy(transitions),
            "states": torch.from_numpy(path.astype(numpy.int64)),
        })
    return cases


def voice(folder):
    state = {f"lstm.{kind}_l{layer}": torch.empty(shape) for layer in range(3) for kind, shape in {
        "weight_ih": (1024, 256 if layer else 40), "weight_hh": (1024, 256), "bias_ih": (1024,), "bias_hh": (1024,)}.items()}
    state |= {"linear.weight": torch.empty(256, 256), "linear.bias": torch.empty(256)}
    path = folder / "weights.pt"
    torch.save({"model_state": fill(state)}, path)
    encoder = VoiceEncoder("cpu", verbose=False, weights_fpath=path)
    path.unlink()
    cases = []
    for count, scale in (40000, 1.0), (9000, 1 / 64):
        x = samples(count, 2, 100) * numpy.float32(scale)
        prepared = resemblyzer.audio.normalize_volume(x, hparams.audio_norm_target_dBFS, increase_only=True)
        embedding, partials, _ = encoder.embed_utterance(prepared, return_partials=True)
        cases.append({"count": count, "scale": scale, "embedding": torch.from_numpy(embedding), "partials": torch.from_numpy(partials)})
    slices = []
    for count in (1, 160, 9000, 25599, 25600, 38000, 44799, 44800, 60000, 123456):
        for rate, coverage in (1.3, 0.75), (0.625, 0.1), (2.5, 1.0), (10.0, 0.5):
            ranges = VoiceEncoder.compute_partial_slices(count, rate, coverage)[0]
            slices.append({"count": count, "rate": rate, "coverage": coverage, "starts": torch.tensor([r.start for r in ranges])})
    spectra = torch.from_numpy(resemblyzer.audio.wav_to_mel_spectrogram(samples(4000, 3, 64)))
    return {"cases": cases, "slices": slices, "spectra": spectra}


def main():
    folder = pathlib.Path(__file__).resolve().parent
    torch.save({
        "filters": list(filters()), "pitch": list(pitch()), "decoding": decoding(), "viterbi": viterbi(), "voice": voice(folder),
    }, folder.parent / "sound.pt")


main()
