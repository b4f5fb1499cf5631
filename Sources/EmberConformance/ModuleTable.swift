import EmberFormats
import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor

/// How PyTorch's modules are made here: by class name, from constructor arguments by PyTorch's names.
///
/// Families stand in files of their own; each entry reads the arguments of its class and makes the module with Ember's own constructor.
enum ModuleTable {
  typealias Maker = @Sendable (inout ModuleArguments) throws -> MadeModule

  private static let makers: [String: Maker] = [layers, convolutions, poolings, activations, losses, recurrent].reduce(into: [:]) { all, family in
    all.merge(family) { first, _ in first }
  }

  /// Nil for a class that is not here.
  static func make(_ name: String, _ arguments: [JSON], _ payload: Payload) throws -> MadeModule? {
    let prefix = "torch.nn."
    guard name.hasPrefix(prefix), let maker = makers[String(name.dropFirst(prefix.count))] else { return nil }
    var reader = ModuleArguments(arguments, payload, owner: String(name.dropFirst(prefix.count)))
    let made = try maker(&reader)
    try reader.finish()
    return made
  }

  // MARK: Modules by the number of their inputs

  static func one(_ layer: some Layer<Tensor, Tensor>) -> MadeModule {
    MadeModule(module: layer) { [.tensor(layer(try $0.tensor(0)))] }
  }

  static func two(_ layer: some Layer<(Tensor, Tensor), Tensor>) -> MadeModule {
    MadeModule(module: layer) { [.tensor(layer((try $0.tensor(0), try $0.tensor(1))))] }
  }

  static func three(_ layer: some Layer<(Tensor, Tensor, Tensor), Tensor>) -> MadeModule {
    MadeModule(module: layer) { [.tensor(layer((try $0.tensor(0), try $0.tensor(1), try $0.tensor(2))))] }
  }

  /// Values, and indices where the case asks for them.
  static func pooling(
    _ layer: some Layer<Tensor, Tensor>, returnsIndices: Bool, _ withIndices: @escaping (Tensor) -> (values: Tensor, indices: Tensor)
  ) -> MadeModule {
    MadeModule(module: layer) { arguments in
      guard returnsIndices else { return [.tensor(layer(try arguments.tensor(0)))] }
      let (values, indices) = withIndices(try arguments.tensor(0))
      return [.tensor(values), .tensor(indices)]
    }
  }
}
