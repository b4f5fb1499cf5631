import ArgumentParser
import EmberONNX
import Foundation

/// `ember onnx-operators`
struct ONNXOperators: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "onnx-operators", abstract: "Lists the operators that ONNX models may use.")

  @Option(help: "Write the table into this document, docs/onnx.md, below what people wrote there.") var update: String?

  func run() throws {
    var lines = ["| operator | versions |", "|---|---|"]
    for (domain, name, versions) in ONNXModel.supportedOperators {
      lines.append("| \(domain.isEmpty ? "" : domain + ".")\(name) | \(versions.map(String.init).joined(separator: ", ")) |")
    }
    let table = lines.joined(separator: "\n") + "\n"
    guard let update else { return print(table, terminator: "") }
    let document = try String(contentsOfFile: update, encoding: .utf8)
    let written = document.range(of: "\n| operator | versions |").map { String(document[..<$0.lowerBound]) + "\n" } ?? document
    try (written + table).write(toFile: update, atomically: true, encoding: .utf8)
  }
}
