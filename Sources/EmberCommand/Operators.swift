import ArgumentParser
import EmberOperators
import EmberTensor

/// `ember ops`
struct Operators: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ops", abstract: "Lists the operators that can be called by name.")

  @Flag(help: "Print each operator's whole declaration.") var declarations = false

  func run() throws {
    let registry = OperatorRegistry.standard
    for name in registry.names {
      print(declarations ? registry[name]!.schema.declaration : name)
    }
  }
}
