// swift-tools-version: 6.2
import PackageDescription

/// The programs of Examples/ that are trained by a test.
let examples = [
  "CartPoleAgents", "CharacterGPT", "LSTMLanguageModel", "Pictures", "SeveralTasks", "Translation", "TreeLSTM", "VariationalAutoencoder",
]

/// Those whose figures lie in Results/.
let examplesWithResults: Set = [
  "CartPoleAgents", "CharacterGPT", "LSTMLanguageModel", "Pictures", "SeveralTasks", "Translation", "TreeLSTM", "VariationalAutoencoder",
]

/// What `import Ember` gives. Whoever uses Ember depends on these as well: SwiftPM compiles a target anew when a module that it depends on directly
/// has changed, and `Ember` itself, which only names them, never does.
let modules = [
  "EmberAudio", "EmberCPU", "EmberCUDA", "EmberData", "EmberDistributions", "EmberFormats", "EmberFunctional", "EmberGraph", "EmberHub",
  "EmberLinearAlgebra", "EmberNN", "EmberOptim", "EmberRL", "EmberRuntime", "EmberSparse", "EmberSpectral", "EmberTensor", "EmberText",
  "EmberTraining", "EmberVision",
]
let ember = (["Ember"] + modules).map { Target.Dependency.target(name: $0) }

/// The core targets stay light: no Foundation, no macros, no dependencies outside the package.
let package = Package(
  name: "Ember",
  products: [
    .library(name: "Ember", targets: ["Ember"] + modules),
    .library(name: "EmberONNX", targets: ["EmberONNX"]),
    .library(name: "EmberTorchScript", targets: ["EmberTorchScript"]),
    // Parts of Ember that need no Foundation, for programs that take no more.
    .library(name: "EmberTensor", targets: ["EmberTensor"]),
    .library(name: "EmberFunctional", targets: ["EmberFunctional"]),
    .library(name: "EmberLinearAlgebra", targets: ["EmberLinearAlgebra"]),
    .library(name: "EmberSpectral", targets: ["EmberSpectral"]),
    .executable(name: "ember", targets: ["EmberCommand"]),
    // For C, C++ and Python; `scripts/install-c` calls it libember.
    .library(name: "EmberC", type: .dynamic, targets: ["EmberC"]),
    .executable(name: "fashion-mnist", targets: ["FashionMNIST"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    // For EmberONNX alone.
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
  ],
  targets: [
    // Core: memory, devices, programs, tensors, differentiation.
    .target(name: "CEmberRuntime"),
    .target(name: "CEmberKernels", exclude: ["bodies"]),
    .target(name: "EmberRuntime", dependencies: ["CEmberRuntime"]),
    .target(name: "EmberCPU", dependencies: ["EmberRuntime", "CEmberKernels"]),
    .target(name: "CCUDA", exclude: ["kernels"]),
    .target(name: "EmberCUDA", dependencies: ["EmberRuntime", "CCUDA"]),
    .target(name: "EmberTensor", dependencies: ["EmberRuntime", "EmberCPU", "EmberCUDA", "CEmberRuntime", "CEmberKernels"]),
    // Operations in families of their own, above the core.
    .target(name: "CEmberFunctional", dependencies: ["CEmberKernels"]),
    .target(name: "EmberFunctional", dependencies: ["EmberTensor", "EmberRuntime", "EmberCUDA", "CEmberFunctional", "CEmberKernels"]),
    .target(name: "CEmberLinearAlgebra", dependencies: ["CEmberKernels"]),
    .target(name: "EmberLinearAlgebra", dependencies: ["EmberTensor", "EmberRuntime", "EmberCUDA", "CEmberLinearAlgebra"]),
    .target(name: "CEmberSpectral", dependencies: ["CEmberKernels"], exclude: ["bodies"]),
    .target(name: "EmberSpectral", dependencies: ["EmberTensor", "EmberCUDA", "EmberRuntime", "CEmberSpectral"]),
    .target(name: "EmberSparse", dependencies: ["EmberTensor", "EmberRuntime", "CEmberKernels"]),
    // Training: modules, optimizers, data.
    .target(name: "EmberNN", dependencies: ["EmberTensor", "EmberFunctional", "EmberLinearAlgebra", "EmberRuntime"]),
    .target(name: "EmberOptim", dependencies: ["EmberTensor", "EmberRuntime", "EmberSparse", "CEmberKernels"]),
    .target(name: "EmberGraph", dependencies: ["EmberTensor", "EmberRuntime", "EmberCUDA", "EmberNN"]),
    .target(name: "EmberDistributions", dependencies: ["EmberRuntime", "EmberTensor"]),
    .target(name: "EmberData", dependencies: ["EmberTensor", "EmberRuntime"]),
    // Every operator by name, and the runner that holds them against PyTorch's own samples.
    .target(
      name: "EmberOperators", dependencies: ["EmberTensor", "EmberFunctional", "EmberLinearAlgebra", "EmberSparse", "EmberSpectral"]),
    .target(
      name: "EmberConformance",
      dependencies: [
        "EmberCUDA", "EmberOperators", "EmberFunctional", "EmberGraph", "EmberNN", "EmberOptim", "EmberSparse", "EmberTensor", "EmberFormats",
        "EmberRuntime",
      ]),
    .executableTarget(
      name: "EmberCommand",
      dependencies: [
        "EmberAudio", "EmberCPU", "EmberCUDA", "EmberConformance", "EmberFormats", "EmberGraph", "EmberHub", "EmberONNX", "EmberOperators",
        "EmberRuntime", "EmberTensor", "EmberText", "EmberTorchScript", "EmberVision", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    // Models compiled by PyTorch: their code is read and run.
    .target(
      name: "EmberTorchScript",
      dependencies: ["EmberTensor", "EmberRuntime", "EmberOperators", "EmberFunctional", "EmberFormats", "EmberNN"]),
    // The interface to C: the headers, and the Swift functions that the compiler holds against them.
    .target(name: "CEmber"),
    .target(
      name: "EmberC",
      dependencies: ["CEmber", "EmberONNX", "EmberOperators", "EmberTensor", "EmberSparse", "EmberRuntime", "EmberCPU", "EmberCUDA"]),
    // The outside world: files, images, loops with progress and checkpoints.
    .target(name: "CEmberFormats"),
    .target(name: "EmberFormats", dependencies: ["EmberTensor", "EmberRuntime", "CEmberFormats", "CEmberKernels"]),
    .target(
      name: "EmberVision", dependencies: ["EmberTensor", "EmberFunctional", "EmberNN", "EmberData", "EmberFormats", "EmberRuntime"],
      resources: [.embedInCode("Resources/imagenet-classes.txt")]),
    .target(
      name: "EmberText", dependencies: ["EmberCUDA", "EmberTensor", "EmberRuntime", "EmberFunctional", "EmberNN", "EmberFormats"]),
    .target(
      name: "EmberAudio", dependencies: ["EmberTensor", "EmberRuntime", "EmberFunctional", "EmberSpectral", "EmberNN", "EmberFormats"]),
    .target(name: "CEmberHub"),
    .target(
      name: "EmberHub",
      dependencies: ["EmberAudio", "EmberTensor", "EmberRuntime", "EmberFormats", "EmberText", "EmberTorchScript", "EmberVision", "CEmberHub"],
      resources: [.embedInCode("manifest.json")]),
    .target(
      name: "EmberONNX",
      dependencies: [
        "EmberCPU", "EmberFormats", "EmberFunctional", "EmberGraph", "EmberLinearAlgebra", "EmberNN", "EmberRuntime", "EmberSpectral",
        "EmberTensor", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ]),
    .target(name: "EmberRL", dependencies: ["EmberTensor", "EmberRuntime"]),
    .target(
      name: "EmberTraining", dependencies: ["EmberTensor", "EmberNN", "EmberOptim", "EmberData", "EmberFormats", "EmberRuntime", "CEmberFormats"]),
    .target(name: "Ember", dependencies: modules.map { .target(name: $0) }),
    .executableTarget(name: "FashionMNIST", dependencies: ember, path: "Examples/FashionMNIST"),
    .executableTarget(name: "Quickstart", dependencies: ember, path: "Examples/Quickstart"),
    .executableTarget(
      name: "GPUBenchmark",
      dependencies: ["EmberCUDA", "EmberFunctional", "EmberNN", "EmberOptim", "EmberRuntime", "EmberTensor", "EmberText", "EmberVision"], path: "Benchmarks/GPU"),
    .executableTarget(name: "Overhead", dependencies: ["EmberGraph", "EmberNN", "EmberTensor", "EmberVision"], path: "Benchmarks/Overhead"),
    .executableTarget(
      name: "Benchmark", dependencies: ember + ["EmberONNX", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Benchmarks/Suite"),
    // Tests
    .target(name: "TestSupport", path: "Tests/TestSupport"),
    .testTarget(
      name: "EmberTensorTests",
      dependencies: ["EmberTensor", "EmberCPU", "EmberRuntime", "EmberNN", "EmberOptim", "EmberFormats", "CEmberKernels", "TestSupport"]),
    .testTarget(
      name: "EmberOperatorsTests",
      dependencies: [
        "EmberCPU", "EmberConformance", "EmberFormats", "EmberFunctional", "EmberLinearAlgebra", "EmberOperators", "EmberRuntime",
        "EmberSparse", "EmberSpectral", "EmberTensor", "TestSupport",
      ]),
    .testTarget(
      name: "EmberCUDATests",
      dependencies: [
        "EmberCUDA", "EmberFunctional", "EmberLinearAlgebra", "EmberNN", "EmberOptim", "EmberRuntime", "EmberTensor", "EmberText",
      ]),
    .testTarget(name: "EmberNNTests", dependencies: ["EmberCPU", "EmberFunctional", "EmberNN", "EmberOptim", "EmberRuntime", "EmberTensor"]),
    .testTarget(
      name: "EmberGraphTests",
      dependencies: [
        "EmberCPU", "EmberDistributions", "EmberFunctional", "EmberGraph", "EmberNN", "EmberOptim", "EmberTensor", "EmberRuntime", "EmberVision",
      ]),
    .testTarget(name: "EmberOptimTests", dependencies: ["EmberNN", "EmberOptim", "EmberRuntime", "EmberSparse", "EmberTensor"]),
    .testTarget(name: "EmberDistributionsTests", dependencies: ["EmberDistributions", "EmberRuntime", "EmberTensor"]),
    .testTarget(
      name: "EmberModelTests",
      dependencies: ["EmberVision", "EmberText", "EmberFormats", "EmberFunctional", "EmberNN", "EmberTensor", "EmberRuntime", "TestSupport"]),
    .executableTarget(
      name: "ExportedModels",
      dependencies: [
        "EmberFormats", "EmberFunctional", "EmberGraph", "EmberNN", "EmberONNX", "EmberRuntime", "EmberTensor", "EmberText", "EmberVision",
      ],
      path: "Tests/ExportedModels"),
    .testTarget(
      name: "EmberONNXTests",
      dependencies: [
        "EmberCPU", "EmberFormats", "EmberFunctional", "EmberGraph", "EmberNN", "EmberONNX", "EmberRuntime", "EmberTensor", "ExportedModels",
        "TestSupport", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ]),
    .testTarget(
      name: "EmberTorchScriptTests",
      dependencies: ["EmberCPU", "EmberFormats", "EmberGraph", "EmberONNX", "EmberRuntime", "EmberTensor", "EmberTorchScript", "TestSupport"]),
    .testTarget(name: "EmberAudioTests", dependencies: ["EmberAudio", "EmberFormats", "EmberNN", "EmberRuntime", "EmberTensor", "TestSupport"]),
    .testTarget(
      name: "EmberHubTests",
      dependencies: ["EmberAudio", "EmberFormats", "EmberHub", "EmberNN", "EmberRuntime", "EmberTensor", "EmberText", "EmberVision", "TestSupport"]),
    .testTarget(
      name: "EmberCommandTests",
      dependencies: ["EmberCommand", "EmberFormats", "EmberHub", "EmberNN", "EmberONNX", "EmberRuntime", "EmberTensor", "EmberVision", "TestSupport"]),
    .testTarget(name: "EmberRLTests", dependencies: ["EmberRL", "EmberTensor", "EmberRuntime", "TestSupport"]),
    .testTarget(
      name: "EmberDataTests",
      dependencies: [
        "EmberData", "EmberFormats", "EmberVision", "EmberTraining", "EmberNN", "EmberOptim", "EmberTensor", "EmberCPU", "EmberRuntime", "TestSupport",
      ]),
    .executableTarget(
      name: "FormatFuzzer",
      dependencies: ["EmberCPU", "EmberFormats", "EmberHub", "EmberRuntime", "EmberTensor", "EmberText", "EmberTorchScript", "EmberVision"],
      path: "Tests/FormatFuzzer"),
    .testTarget(
      name: "EmberFormatsTests", dependencies: ["EmberCPU", "EmberFormats", "EmberRuntime", "EmberTensor", "EmberVision", "FormatFuzzer", "TestSupport"]),
    .testTarget(name: "EmberCTests", dependencies: ["TestSupport"], exclude: ["Programs"]),
    .testTarget(
      name: "EmberExamplesTests",
      dependencies: ember + ["EmberONNX", "ExportedModels", "FashionMNIST", "TestSupport"] + examples.map { .target(name: $0) }),
  ]
    + examples.map { name in
      .executableTarget(
        name: name, dependencies: ember + [.product(name: "ArgumentParser", package: "swift-argument-parser")], path: "Examples/\(name)",
        exclude: ["README.md"] + (examplesWithResults.contains(name) ? ["Results"] : []))
    },
  swiftLanguageModes: [.v6]
)
