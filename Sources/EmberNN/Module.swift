import EmberRuntime
import EmberTensor

/// A part of a model: parameters, buffers and further modules, found by reflection over the stored properties.
///
/// Subclass it, declare parameters with `@Parameter`, buffers with `@Buffer` and submodules as ordinary properties, alone or in
/// arrays, dictionaries, optionals, tuples and structs; conform to `Layer` and write `forward`:
///
/// ```swift
/// final class Classifier: Module, Layer {
///   let hidden = Linear(784, 128)
///   let output = Linear(128, 10)
///   func forward(_ x: Tensor) -> Tensor { output(hidden(x).relu()) }
/// }
/// ```
///
/// Names are those of PyTorch: property names in snake case, joined by dots; elements of arrays are numbered.
/// A module belongs to one thread at a time; the cells of its parameters may be touched from several.
open class Module: CustomStringConvertible {
  /// True while the module learns: dropout drops, batch normalisation uses the batch's statistics.
  public private(set) final var isTraining = true
  final var hooks: Hooks?

  public init() {}

  /// The stored properties by name: what reflection finds, base classes first. Containers override it to number their elements.
  open func reflectedMembers() -> [(name: String, value: Any)] {
    var levels: [Mirror] = []
    var next: Mirror? = Mirror(reflecting: self)
    while let mirror = next, mirror.subjectType != Module.self {
      levels.append(mirror)
      next = mirror.superclassMirror
    }
    return levels.reversed().flatMap { mirror in
      mirror.children.compactMap { child in child.label.map { (name: snakeCase($0), value: child.value) } }
    }
  }

  /// Own parameters and buffers whose shapes are not known before the first call (the lazy layers'): a state dict gives them theirs.
  var uninitializedCells: [StateCell] { [] }
  /// Called after a state dict was loaded.
  func didLoadState() {}

  /// What is written in parentheses when the module is printed: its settings.
  open var settings: String { "" }

  /// Switches this module and everything in it to training, or back.
  @discardableResult
  public final func train(_ mode: Bool = true) -> Self {
    for (_, module) in namedModules() { module.isTraining = mode }
    return self
  }

  /// Switches this module and everything in it to evaluation.
  @discardableResult
  public final func eval() -> Self { train(false) }

  // MARK: Printing

  /// The module and those in it, as PyTorch prints them.
  public final var description: String {
    let children = namedChildren()
    let name = String(describing: Swift.type(of: self))
    if children.isEmpty { return "\(name)(\(settings))" }
    let lines = children.map { child in
      "  (\(child.name)): " + child.module.description.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\n  ")
    }
    return "\(name)(\n" + lines.joined(separator: "\n") + "\n)"
  }

  /// A table of the modules with the shapes and numbers of their own parameters.
  public final func summary() -> String { table(outputs: nil) }

  /// - Parameter outputs: a text for each module that was called, for a column of its own.
  final func table(outputs: [ObjectIdentifier: String]?) -> String {
    var rows = [["Module", "Type"] + (outputs == nil ? [] : ["Output"]) + ["Parameters", "Count"]]
    var total = 0, trainable = 0
    for (name, module) in namedModules() {
      let own = module.members().parameters
      let count = own.reduce(0) { $0 + $1.cell.value.elementCount }
      let shapes = own.map { "\($0.name) \($0.cell.value.shape)" }.joined(separator: ", ")
      let output = outputs.map { [$0[ObjectIdentifier(module)] ?? "-"] } ?? []
      rows.append(
        [name.isEmpty ? "(model)" : name, String(describing: Swift.type(of: module))] + output + [shapes, count == 0 ? "-" : "\(count)"])
    }
    for cell in parameters() {
      total += cell.value.elementCount
      if cell.requiresGrad { trainable += cell.value.elementCount }
    }
    func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(width - text.count, 0)) }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let lines = rows.map { row in
      row.indices.map { $0 == row.count - 1 ? row[$0] : padded(row[$0], widths[$0]) }.joined(separator: "  ")
    }
    return lines.joined(separator: "\n") + "\nparameters: \(total), trainable: \(trainable)"
  }
}

/// A module with one input and one output; several are tuples. Calling it, `layer(x)`, runs hooks around `forward`.
public protocol Layer<Input, Output>: Module {
  associatedtype Input
  associatedtype Output
  func forward(_ input: Input) -> Output
}

extension Module {
  fileprivate final func setTraining(_ mode: Bool) { isTraining = mode }
}

extension Layer where Input == Tensor {
  /// As `summary()`, with the shape of what each module returns for an input of the given shape. Runs the model once, in evaluation
  /// mode and without gradients; throws where the shapes do not fit.
  public func summary(inputShape: [Int], dtype: DType = .float32) throws -> String {
    var outputs: [ObjectIdentifier: String] = [:]
    var handles: [ModuleHookHandle] = []
    let modules = self.modules()
    let modes = modules.map(\.isTraining)
    _ = eval()
    defer {
      for handle in handles { handle.remove() }
      for (module, mode) in zip(modules, modes) { module.setTraining(mode) }
    }
    for module in modules {
      handles.append(module.afterEachCall { output in outputs[ObjectIdentifier(module)] = (output as? Tensor).map { "\($0.shape)" } ?? "-" })
    }
    let device = parameters().first?.value.device ?? .cpu
    _ = try catchingErrors { noGrad { self(Tensor.zeros(inputShape, dtype: dtype, on: device)) } }
    return table(outputs: outputs)
  }
}
