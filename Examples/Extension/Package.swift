// swift-tools-version: 6.2
import PackageDescription

/// An operation with its own C kernel, in a package of its own: what extending Ember from outside takes.
let package = Package(
  name: "Shrink",
  products: [.library(name: "Shrink", targets: ["Shrink"])],
  dependencies: [.package(name: "Ember", path: "../..")],
  targets: [
    .target(name: "CShrink"),
    .target(name: "Shrink", dependencies: ["CShrink", .product(name: "Ember", package: "Ember")]),
    .testTarget(name: "ShrinkTests", dependencies: ["Shrink"]),
  ],
  swiftLanguageModes: [.v6]
)
