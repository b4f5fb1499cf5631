import ArgumentParser
import EmberOperators
import EmberTensor
import Foundation

/// `ember c-header`
struct CHeader: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "c-header", abstract: "Writes the parts of the C++ headers that name every operator.",
    discussion: "In Ember's repository: ember c-header Sources/CEmber/include/ember")

  @Argument(help: "The folder to write tensor_methods.hpp and functions.hpp to.") var folder: String

  func run() throws {
    let writer = CppOperators(.standard)
    let folder = URL(fileURLWithPath: folder)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try writer.methods.write(to: folder.appendingPathComponent("tensor_methods.hpp"), atomically: true, encoding: .utf8)
    try writer.functions.write(to: folder.appendingPathComponent("functions.hpp"), atomically: true, encoding: .utf8)
  }
}
