// swift-tools-version: 6.2
import PackageDescription

/// A model behind HTTP: what deploying Ember takes. A package of its own, so that Ember itself does not depend on a web server.
let package = Package(
  name: "ModelServer",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "Ember", path: "../.."),
    // Without traits it keeps to the essential part of Foundation, which makes a small program.
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
  ],
  targets: [
    .target(
      name: "ModelServing",
      dependencies: [.product(name: "EmberONNX", package: "Ember"), .product(name: "Hummingbird", package: "hummingbird")]),
    .executableTarget(
      name: "model-server", dependencies: ["ModelServing", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Sources/ModelServer"),
    .testTarget(
      name: "ModelServingTests", dependencies: ["ModelServing", .product(name: "HummingbirdTesting", package: "hummingbird")]),
  ],
  swiftLanguageModes: [.v6]
)
