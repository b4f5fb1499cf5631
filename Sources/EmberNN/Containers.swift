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

/// Layers one after the other, named by their numbers.
open class Sequential: Module, Layer {
  public private(set) final var layers: [any Layer<Tensor, Tensor>]

  public init(_ layers: [any Layer<Tensor, Tensor>]) {
    self.layers = layers
    super.init()
  }

  public convenience init(_ layers: any Layer<Tensor, Tensor>...) { self.init(layers) }
  public convenience init(@LayerBuilder _ layers: () -> [any Layer<Tensor, Tensor>]) { self.init(layers()) }

  public final func append(_ layer: any Layer<Tensor, Tensor>) { layers.append(layer) }
  public final var count: Int { layers.count }
  public final subscript(i: Int) -> any Layer<Tensor, Tensor> { layers[i] }

  open func forward(_ input: Tensor) -> Tensor {
    var x = input
    for layer in layers { x = layer(x) }
    return x
  }

  open override func reflectedMembers() -> [(name: String, value: Any)] {
    layers.enumerated().map { (name: "\($0.offset)", value: $0.element as Any) } + super.reflectedMembers().filter { $0.name != "layers" }
  }
}

/// Modules in a row, named by their numbers. It has no `forward` of its own: loop over it.
open class ModuleList<Element>: Module, RandomAccessCollection {
  public private(set) final var elements: [Element]

  public init(_ elements: [Element] = []) {
    self.elements = elements
    super.init()
  }

  public final func append(_ element: Element) { elements.append(element) }
  public final var startIndex: Int { 0 }
  public final var endIndex: Int { elements.count }
  public final subscript(i: Int) -> Element {
    get { elements[i] }
    set { elements[i] = newValue }
  }

  open override func reflectedMembers() -> [(name: String, value: Any)] {
    elements.enumerated().map { (name: "\($0.offset)", value: $0.element as Any) }
      + super.reflectedMembers().filter { $0.name != "elements" }
  }
}

/// Modules by name, in the order in which they were added.
open class ModuleDict<Element>: Module {
  public private(set) final var keys: [String] = []
  private final var table: [String: Element] = [:]

  public init(_ entries: KeyValuePairs<String, Element> = [:]) {
    super.init()
    for (key, value) in entries { self[key] = value }
  }

  public final var count: Int { keys.count }
  public final var entries: [(key: String, value: Element)] { keys.compactMap { key in table[key].map { (key, $0) } } }

  public final subscript(key: String) -> Element? {
    get { table[key] }
    set {
      if newValue != nil, table[key] == nil { keys.append(key) }
      if newValue == nil { keys.removeAll { $0 == key } }
      table[key] = newValue
    }
  }

  open override func reflectedMembers() -> [(name: String, value: Any)] {
    entries.map { (name: $0.key, value: $0.value as Any) } + super.reflectedMembers().filter { $0.name != "keys" && $0.name != "table" }
  }
}
