// swift-tools-version: 6.2
import PackageDescription

/// The core targets stay light: no Foundation, no macros, no dependencies outside the package.
let package = Package(
  name: "Ember",
  products: [
    .library(name: "Ember", targets: ["Ember"]),
  ],
  dependencies: [],
  targets: [
    // Core: memory, devices, programs, tensors, differentiation.
    .target(name: "CEmberRuntime"),
    .target(name: "CEmberKernels", exclude: ["bodies"]),
    .target(name: "EmberRuntime", dependencies: ["CEmberRuntime"]),
    .target(name: "EmberCPU", dependencies: ["EmberRuntime", "CEmberKernels"]),
    .target(name: "EmberTensor", dependencies: ["EmberRuntime", "EmberCPU", "CEmberRuntime"]),
    .target(name: "Ember", dependencies: ["EmberTensor"]),
  ],
  swiftLanguageModes: [.v6]
)
