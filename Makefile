# make demo    trains on Fashion-MNIST, then classifies ten pictures in a new process
# make test    what CI runs last
# make test-stand-in  what CI runs first: PyTorch's cases on the stand-in for a GPU, every kernel under the real NVRTC
# make test-deep  sanitizers, killed runs, long fuzzing, side by side with PyTorch (hours)
# make bench   times everything beside PyTorch and writes docs/benchmarks.md (QUICK=1: in five minutes; ONLY="name ...": just these)
# make test-gpu    the reference cases on an NVIDIA GPU (CASES=folder: another corpus)
# make bench-gpu   Ember beside PyTorch on an NVIDIA GPU
# make gpu-bundle  one archive for such a machine without Swift
# make setup   installs what is missing (Debian and Ubuntu)
# make setup-examples  and the texts that the examples and the tests read
# make clean   removes what was built

EPOCHS ?= 5
OUTPUT ?= demo-output
TESTFLAGS = -c release -Xswiftc -enable-testing

.PHONY: demo test test-stand-in test-deep bench test-gpu bench-gpu gpu-bundle setup setup-examples clean

demo: setup
	swift build -c release --product fashion-mnist
	swift run -c release --skip-build fashion-mnist train --epochs $(EPOCHS) --output $(OUTPUT)
	swift run -c release --skip-build fashion-mnist classify --checkpoint $(OUTPUT)/checkpoint.safetensors --output $(OUTPUT)

test: setup-examples
	swift build --build-tests $(TESTFLAGS)
	scripts/fake-cuda swift test --skip-build --no-parallel $(TESTFLAGS) --filter EmberCUDATests
	EMBER_CUDNN=1 scripts/fake-cuda swift test --skip-build --no-parallel $(TESTFLAGS) --filter 'ConvolutionTests|AttentionTests'
	swift test --skip-build $(TESTFLAGS)

test-stand-in: setup-examples
	scripts/test-stand-in

test-deep:
	scripts/test-deep

bench: setup
	scripts/bench $(if $(QUICK),--quick) $(foreach name,$(ONLY),--only $(name))

CASES ?= Tests/Fixtures/pytorch-reference.zip

gpu-bundle:
	scripts/gpu-bundle $(CASES)

test-gpu: gpu-bundle
	.build/gpu-bundle/ember-gpu/run test
	.build/gpu-bundle/ember-gpu/run sanitize

bench-gpu: gpu-bundle
	.build/gpu-bundle/ember-gpu/run bench

setup:
	scripts/setup

setup-examples:
	scripts/setup examples

clean:
	rm -rf .build .build-* demo-output
