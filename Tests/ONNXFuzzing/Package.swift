// swift-tools-version: 6.2
import PackageDescription

/// A libFuzzer program for the ONNX importer, in a package of its own: it is built with sanitizers only. `scripts/test-deep onnx` runs it.
let package = Package(
  name: "ONNXFuzzing",
  dependencies: [.package(name: "Ember", path: "../..")],
  targets: [
    .executableTarget(name: "ONNXFuzzer", dependencies: [.product(name: "EmberONNX", package: "Ember")])
  ],
  swiftLanguageModes: [.v6]
)
