import EmberRuntime
import EmberTensor

/// Collects the layers of a `Sequential { ... }`, with `if` and `for`.
@resultBuilder
public enum LayerBuilder {
  public typealias Element = any Layer<Tensor, Tensor>
  public static func buildExpression(_ layer: Element) -> [Element] { [layer] }
  public static func buildExpression(_ layers: [Element]) -> [Element] { layers }
  public static func buildBlock(_ parts: [Element]...) -> [Element] { parts.flatMap { $0 } }
  public static func buildOptional(_ part: [Element]?) -> [Element] { part ?? [] }
  public static func buildEither(first: [Element]) -> [Element] { first }
  public static func buildEither(second: [Element]) -> [Element] { second }
  public static func buildArray(_ parts: [[Element]]) -> [Element] { parts.flatMap { $0 } }
}

/// Layers one after the other, named by their numbers or by names of their own.
///
/// ```swift
/// let model = Sequential(["conv1": Conv2d(1, 20, 5), "relu1": ReLU()])  // state dict: conv1.weight, conv1.bias
/// model["conv1"] = Conv2d(3, 20, 5)
/// classifier[6] = Linear(4096, 10)
/// let features = resnet[..<8]
/// ```
/// It is a collection of its layers. Where layers are inserted or removed, those that are named by numbers are numbered anew, and those
/// with names of their own keep them (PyTorch numbers them as well).
open class Sequential: Module, Layer, RandomAccessCollection {
  public typealias Element = any Layer<Tensor, Tensor>
  public typealias SubSequence = Swift.Slice<Sequential>

  public final var layers: [Element] {
    noteModeAndStructure()
    return contents.layers
  }
  /// What the layers are called in state dicts, in their order.
  public final var names: [String] {
    noteModeAndStructure()
    return contents.names
  }
  /// Read and written here without being noted: who edits a container does not depend on what it was.
  private final var contents: Contents { didSet { structureVersion += 1 } }

  private struct Contents {
    var layers: [Element]
    var names: [String]
  }

  public init(_ layers: [Element]) {
    contents = Contents(layers: layers, names: layers.indices.map(String.init))
    super.init()
  }

  public convenience init(_ layers: Element...) { self.init(layers) }
  public convenience init(@LayerBuilder _ layers: () -> [Element]) { self.init(layers()) }

  /// With names for the layers, as PyTorch's `OrderedDict`.
  public convenience init(_ layers: KeyValuePairs<String, Element>) {
    self.init([])
    for (name, layer) in layers {
      if contents.names.contains(name) { raise(EmberError(.value, in: "Sequential", "two layers named \"\(name)\"")) }
      self[name] = layer
    }
  }

  public final var startIndex: Int { 0 }
  public final var endIndex: Int { layers.count }

  /// The layer at a position; negative ones count from the end.
  public final subscript(position: Int) -> Element {
    get { place(position, limit: contents.layers.count).map { layers[$0] } ?? Identity() }
    set {
      guard let i = place(position, limit: contents.layers.count) else { return }
      contents.layers[i] = newValue
    }
  }

  /// The layer of a name. A new name goes to the end; nil removes the layer.
  public final subscript(name: String) -> Element? {
    get { names.firstIndex(of: name).map { layers[$0] } }
    set {
      guard let layer = newValue else {
        if let i = contents.names.firstIndex(of: name) { remove(at: i) }
        return
      }
      if let i = contents.names.firstIndex(of: name) { return self[i] = layer }
      guard isMemberName(name, in: "Sequential") else { return }
      contents.layers.append(layer)
      contents.names.append(name)
    }
  }

  /// Some of the layers, shared with this container, under the names that they have here.
  public final subscript(range: Range<Int>) -> Sequential {
    let part = Sequential(Array(layers[range]))
    part.contents.names = Array(names[range])
    return part
  }

  /// Some of the layers, shared with this container, under the names that they have here.
  public final subscript(range: some RangeExpression<Int>) -> Sequential { self[range.relative(to: layers)] }

  /// Adds a layer under the next free number.
  public final func append(_ layer: Element) {
    var number = contents.layers.count
    // The first layers of a part may have high numbers.
    while contents.names.contains("\(number)") { number += 1 }
    self["\(number)"] = layer
  }

  /// Adds layers, such as those of another `Sequential`, under the next free numbers.
  public final func append(contentsOf layers: some Sequence<Element>) {
    for layer in Array(layers) { append(layer) }
  }

  /// Puts a layer before the one at a position, or at the end.
  public final func insert(_ layer: Element, at position: Int) {
    guard let i = place(position, limit: contents.layers.count + 1) else { return }
    contents.layers.insert(layer, at: i)
    contents.names.insert("\(i)", at: i)
    renumber()
  }

  @discardableResult
  public final func remove(at position: Int) -> Element {
    guard let i = place(position, limit: contents.layers.count) else { return Identity() }
    contents.names.remove(at: i)
    defer { renumber() }
    return contents.layers.remove(at: i)
  }

  /// The layers of both, shared with them, with numbers for names.
  public static func + (a: Sequential, b: Sequential) -> Sequential { Sequential(a.layers + b.layers) }

  open func forward(_ input: Tensor) -> Tensor {
    var x = input
    for layer in layers { x = layer(x) }
    return x
  }

  open override func reflectedMembers() -> [(name: String, value: Any)] {
    zip(contents.names, contents.layers).map { (name: $0, value: $1 as Any) } + super.reflectedMembers().filter { !($0.value is Contents) }
  }

  private func renumber() {
    for i in contents.names.indices where Int(contents.names[i]) != nil { contents.names[i] = "\(i)" }
  }

  /// Where a position lies that may count from the end; raises and returns nil where there is none.
  private func place(_ position: Int, limit: Int) -> Int? {
    let i = position < 0 ? position + contents.layers.count : position
    if (0..<limit).contains(i) { return i }
    let range = limit == 0 ? "there are none" : "they are counted from 0 to \(limit - 1), or from -1 backwards"
    raise(EmberError(.index, in: "Sequential", "position \(position) in \(contents.layers.count) layers; \(range)"))
    return nil
  }
}

/// Modules in a row, named by their numbers. It has no `forward` of its own: loop over it.
open class ModuleList<Element>: Module, RandomAccessCollection {
  public final var elements: [Element] {
    noteModeAndStructure()
    return contents.elements
  }
  private final var contents: Contents { didSet { structureVersion += 1 } }

  private struct Contents { var elements: [Element] }

  public init(_ elements: [Element] = []) {
    contents = Contents(elements: elements)
    super.init()
  }

  public final func append(_ element: Element) { contents.elements.append(element) }
  public final func append(contentsOf elements: some Sequence<Element>) { contents.elements.append(contentsOf: Array(elements)) }
  /// Puts an element before the one at a position, or at the end; negative positions count from the end.
  public final func insert(_ element: Element, at position: Int) { contents.elements.insert(element, at: place(position)) }
  @discardableResult
  public final func remove(at position: Int) -> Element { contents.elements.remove(at: place(position)) }
  /// The elements of both, shared with them.
  public static func + (a: ModuleList, b: ModuleList) -> ModuleList { ModuleList(a.elements + b.elements) }

  public final var startIndex: Int { 0 }
  public final var endIndex: Int { elements.count }
  /// The element at a position; negative ones count from the end.
  public final subscript(position: Int) -> Element {
    get { elements[place(position)] }
    set { contents.elements[place(position)] = newValue }
  }

  override final var groupsEqualChildren: Bool { true }

  open override func reflectedMembers() -> [(name: String, value: Any)] {
    contents.elements.enumerated().map { (name: "\($0.offset)", value: $0.element as Any) }
      + super.reflectedMembers().filter { !($0.value is Contents) }
  }

  private func place(_ position: Int) -> Int { position < 0 ? position + contents.elements.count : position }
}

/// Modules by name, in the order in which they were added.
open class ModuleDict<Element>: Module {
  public final var keys: [String] {
    noteModeAndStructure()
    return contents.keys
  }
  private final var contents = KeyedMembers<Element>() { didSet { structureVersion += 1 } }

  public init(_ entries: KeyValuePairs<String, Element> = [:]) {
    super.init()
    for (key, value) in entries { self[key] = value }
  }

  public final var count: Int { keys.count }
  public final var entries: [(key: String, value: Element)] { keys.map { (key: $0, value: contents[$0]!) } }

  public final subscript(key: String) -> Element? {
    get {
      noteModeAndStructure()
      return contents[key]
    }
    set {
      if newValue != nil, contents[key] == nil, !isMemberName(key, in: "ModuleDict") { return }
      contents[key] = newValue
    }
  }

  open override func reflectedMembers() -> [(name: String, value: Any)] {
    contents.reflected + super.reflectedMembers().filter { !($0.value is KeyedMembers<Element>) }
  }
}

/// Members by name, in the order in which they were added.
struct KeyedMembers<Element> {
  private(set) var keys: [String] = []
  private var table: [String: Element] = [:]

  /// Nil removes a member; a new one goes to the end.
  subscript(key: String) -> Element? {
    get { table[key] }
    set {
      if newValue == nil { keys.removeAll { $0 == key } } else if table[key] == nil { keys.append(key) }
      table[key] = newValue
    }
  }

  var reflected: [(name: String, value: Any)] { keys.map { (name: $0, value: table[$0]! as Any) } }
}

/// Whether a name can stand between the dots of a state dict's; raises otherwise.
private func isMemberName(_ name: String, in container: String) -> Bool {
  if !name.isEmpty, !name.contains(".") { return true }
  raise(EmberError(.value, in: container, "a member named \"\(name)\"; names are not empty and hold no dot"))
  return false
}
