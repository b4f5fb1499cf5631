import EmberRuntime
import EmberTensor
import Synchronization

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
  /// Counts the changes of a container's members, so that graphs of the former ones are captured anew.
  final var structureVersion = 0
  /// Which of its parameters are computed from others.
  final var parametrizations: Parametrizations?

  /// How many modules were ever made.
  static var creationCount: Int { creations.load(ordering: .relaxed) }
  private static let creations = Atomic(0)

  public init() { Self.creations.wrappingAdd(1, ordering: .relaxed) }

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

  /// Names of parameters and buffers of its own that a state dict may lack, without being another model's.
  var dispensableState: [String] { [] }

  /// What is written in parentheses when the module is printed: its settings.
  open var settings: String { "" }

  /// Whether equal modules in a row are printed once, with their number.
  var groupsEqualChildren: Bool { false }

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
    // Without the types of generic classes.
    let name = String(describing: Swift.type(of: self)).prefix { $0 != "<" }
    let children = namedChildren().map { (name: $0.name, text: $0.module.description) }
    if children.isEmpty, !settings.contains("\n") { return "\(name)(\(settings))" }
    var lines = settings.isEmpty ? [] : [settings]
    var i = 0
    while i < children.count {
      var end = i + 1
      while groupsEqualChildren, end < children.count, children[end].text == children[i].text { end += 1 }
      let head = end == i + 1 ? "(\(children[i].name)): " : "(\(children[i].name)-\(children[end - 1].name)): \(end - i) x "
      lines.append(head + children[i].text)
      i = end
    }
    return "\(name)(" + lines.map { "\n" + $0 }.joined().replacingLineBreaks(with: "\n  ") + "\n)"
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
      handles.append(
        module.afterEachCall { output in outputs[ObjectIdentifier(module)] = (output as? Tensor).map { "\($0.shape)" } ?? "-" })
    }
    let device = parameters().first?.value.device ?? .cpu
    _ = try catchingErrors { noGrad { self(Tensor.zeros(inputShape, dtype: dtype, on: device)) } }
    return table(outputs: outputs)
  }
}

extension String {
  fileprivate func replacingLineBreaks(with text: String) -> String {
    split(separator: "\n", omittingEmptySubsequences: false).joined(separator: text)
  }
}

// MARK: - Settings as Python writes them

/// `True` or `False`.
func pythonBool(_ flag: Bool) -> String { flag ? "True" : "False" }

/// `(1, 2)`; of one number `(1,)`.
func pythonTuple(_ numbers: [Int]) -> String { pythonTuple(numbers.map(String.init)) }

/// `(a, b)`; of one text `(a,)`.
func pythonTuple(_ texts: [String]) -> String { "(" + texts.joined(separator: ", ") + (texts.count == 1 ? ",)" : ")") }

extension SpatialExtents {
  /// Whether all of the extents are one number.
  func isOnly(_ number: Int, _ rank: Int) -> Bool { extents(rank)?.allSatisfy { $0 == number } == true }
}

/// Extents as they were given: one number, or a tuple.
func pythonExtents(_ extents: any SpatialExtents) -> String { (extents as? [Int]).map(pythonTuple) ?? "\(extents)" }

/// Extents as a tuple of `rank` numbers.
func pythonExtents(_ extents: any SpatialExtents, rank: Int) -> String { extents.extents(rank).map(pythonTuple) ?? "\(extents)" }
