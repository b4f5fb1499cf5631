import ArgumentParser
import EmberConformance
import EmberCUDA
import EmberOperators
import EmberTensor
import Foundation

/// `ember ops`
struct Operators: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ops", abstract: "Lists the operators that can be called by name, and what they can do.",
    discussion: """
      What they can do is found out by running samples: `yes` for all, `some`, `no`, `-` where it does not apply, `?` where there is \
      no sample. Batching is `loop` where members run one after the other, CUDA `CPU` where there is no kernel. Samples are a corpus of reference cases, by default the \
      one in Ember's repository if this is run there; without one nothing is known.
      """)

  @Option(help: "A folder of reference cases, or a zip archive of one.") var samples = "Tests/Fixtures/pytorch-reference.zip"
  @Flag(help: "Print each operator's whole declaration instead.") var declarations = false
  @Flag(help: "Print why samples fail instead.") var reasons = false
  @Flag(help: "Run the samples on an NVIDIA GPU too; without, the column CUDA of an updated document stays as it is.") var gpu = false
  @Option(help: "Write the table into this document, docs/operators.md, below what people wrote there.") var update: String?

  func run() throws {
    let registry = OperatorRegistry.standard
    if declarations {
      for name in registry.names { print(registry[name]!.schema.declaration) }
      return
    }
    let hasSamples = FileManager.default.fileExists(atPath: samples)
    if !hasSamples, reasons || update != nil { throw ValidationError("There are no samples at \(samples).") }
    let facts = hasSamples ? try OperatorFacts.observed(registry, on: Corpus(samples)) : nil
    if gpu, !CUDA.isAvailable { throw ValidationError("There is no GPU: \(CUDA.diagnosis.joined(separator: "; ")).") }
    let onGPU = gpu && hasSamples ? try OperatorFacts.observed(registry, on: Corpus(samples), onGPU: true) : nil
    if reasons {
      for name in registry.names { print((facts?[name]?.reasons ?? "") + (onGPU?[name]?.reasons ?? ""), terminator: "") }
    } else if let update {
      let document = try String(contentsOfFile: update, encoding: .utf8)
      try OperatorTable(registry, facts: facts, onGPU: onGPU, keeping: document).document(keeping: document).write(toFile: update, atomically: true, encoding: .utf8)
    } else {
      print(OperatorTable(registry, facts: facts, onGPU: onGPU).text)
    }
  }
}
