#!/usr/bin/env python3
"""Writes ../speech-segments.pt: probabilities of speech, and the segments that silero-vad's own function finds in them.

    $(scripts/pytorch) Tests/Fixtures/torchscript/make_segments.py SILERO_VAD_FOLDER

The folder is the unpacked `silero_vad` of its wheel (6.2.3).
"""

import importlib.util
import pathlib
import random
import sys

import torch

sys.modules.setdefault("packaging", type(sys)("packaging"))
sys.modules["packaging"].version = None
specification = importlib.util.spec_from_file_location("utils_vad", pathlib.Path(sys.argv[1]) / "utils_vad.py")
silero = importlib.util.module_from_spec(specification)
specification.loader.exec_module(silero)

random.seed(5)
cases = []
for number in range(60):
    rate = random.choice([8000, 16000])
    frame = 512 if rate == 16000 else 256
    # Speech and pauses of random lengths, with uncertain frames between.
    probabilities, loud = [], random.random() < 0.5
    while len(probabilities) < random.randint(20, 250):
        for _ in range(random.choice([1, 2, 3, 4, 8, 20, 60])):
            probabilities.append(round(random.uniform(0.3, 1) if loud else random.uniform(0, 0.6), 3))
        loud = not loud
    count = len(probabilities) * frame - random.randint(0, frame - 1)
    options = {}
    if random.random() < 0.6:
        options["max_speech_duration_s"] = random.choice([0.5, 1.0, 2.5])
        options["use_max_poss_sil_at_max_speech"] = random.random() < 0.5
    if random.random() < 0.5:
        options["min_silence_duration_ms"] = random.choice([0, 30, 200])
        options["min_speech_duration_ms"] = random.choice([0, 100, 500])
    if random.random() < 0.5:
        options["speech_pad_ms"] = random.choice([0, 15, 100])
    if random.random() < 0.3:
        options["threshold"] = 0.4
        options["neg_threshold"] = random.choice([0.1, 0.35])
    if random.random() < 0.3:
        options["min_silence_at_max_speech"] = 40
    found = silero.get_speech_timestamps_from_probs(probabilities, sampling_rate=rate, audio_length_samples=count, **options)
    cases.append({"probabilities": probabilities, "rate": rate, "count": count, "options": options, "segments": [[s["start"], s["end"]] for s in found]})
path = pathlib.Path(__file__).parent.parent / "speech-segments.pt"
torch.save(cases, path)
print(f"{path.name}: {len(cases)} cases, {sum(len(c['segments']) for c in cases)} segments, {path.stat().st_size} bytes")
